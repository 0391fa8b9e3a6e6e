/** What every clock keeps to. */
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

const manual = () => {
  const clock = new ManualClock();
  return { clock, pass: () => clock.advance(5) };
};

describe.each<[string, () => { clock: Clock; pass(): void }]>([
  ["the system's clock", () => ({ clock: systemClock, pass: () => {} })],
  ['a manual clock', manual],
])('%s', (_, open) => {
  it('wakes a sleeper once the time has passed, and not before', async () => {
    const { clock, pass } = open();
    const before = clock.monotonic();
    const slept = clock.sleep(5);
    pass();
    await slept;
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(4); // timers may be a fraction of a millisecond early
  });

  it('wakes a sleeper at once when the signal is aborted, before or during the sleep', async () => {
    const { clock } = open();
    const controller = new AbortController();
    const slept = clock.sleep(1_000_000, controller.signal);
    controller.abort();
    await slept;
    await clock.sleep(1_000_000, controller.signal);
  });

  it('never goes back', () => {
    const { clock, pass } = open();
    const first = clock.monotonic();
    pass();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(first);
    expect(clock.now()).toBeInstanceOf(Date);
  });
});
