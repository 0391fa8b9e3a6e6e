import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

describe('a run', () => {
  it('computes what is missing, and nothing the second time', async () => {
    const study = { A: {}, B: { from: 'A' }, C: { from: 'B', and: 'A' } };
    const first = await rig.run(study);
    expect(first.ran).toEqual(['A', 'B', 'C']);
    expect(await first.read('C')).toBe('AB+AC');
    const second = await rig.run(study);
    expect(second.result).toMatchObject({ total: 3, cached: 3, ran: 0, failed: 0, blocked: 0, failures: [], warnings: [] });
    expect(second.events).toEqual([{ event: 'plan', nodes: { total: 3, cached: 3, toRun: 0 }, stages: {} }]);
  });
});
