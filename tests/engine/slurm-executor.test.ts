/** Following jobs that somebody else runs: what is heard of nodes, and how they end, whatever becomes of the jobs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import type { DelegateEvent, DelegateOutcome, SlotRequest } from '../../src/engine/executor.ts';
import type { JournalLine } from '../../src/engine/executors/slurm/journal.ts';
import { SlurmExecutor, type JobLook, type SubmittedBundle } from '../../src/engine/executors/slurm/slurm-executor.ts';
import { ManualClock } from '../support/manual-clock.ts';

const NODE_FAILURE: Failure = { kind: 'unavailable', what: 'A1/s0', message: 'the node is gone', remedy: 'Wait.' };
const label = { experiment: 'A1', seed: 0, round: 1, step: 'train' };
const started = (key: string, more: object = {}): SwpEvent => ({
  event: 'node-start',
  key,
  stage: 'train',
  label,
  sharedBy: 1,
  reason: { kind: 'missing' },
  worker: 0,
  ...more,
});
const ended = (key: string, outcome: 'ran' | 'cached' | 'failed' | 'blocked', failure?: Failure): SwpEvent => ({
  event: 'node-end',
  key,
  stage: 'train',
  label,
  outcome,
  seconds: 1,
  ...(failure && { failure }),
});
const jobEnd = (line: object): JournalLine => ({ event: 'job-end', at: '', ...line }) as JournalLine;

class FakeJob implements SubmittedBundle {
  readonly lines: JournalLine[] = [];
  look: JobLook = { over: false };
  constructor(
    readonly job: string,
    readonly nodes: readonly string[],
  ) {}
  news = () => this.lines.splice(0);
}

describe('following jobs of Slurm', () => {
  let clock: ManualClock;
  let jobs: FakeJob[];
  let cancelled: string[];
  let executor: SlurmExecutor;
  let answers: boolean;
  /** Why Slurm cancels nothing. */
  let refusal: SwpError | undefined;
  const request = (key: string): SlotRequest => ({ key, place: 'A1/s0/r1/train', resources: { cpus: 1, gpus: 0 } });

  beforeEach(() => {
    clock = new ManualClock();
    jobs = [new FakeJob('7_0', ['a', 'b', 'shared']), new FakeJob('7_1', ['c', 'shared'])];
    cancelled = [];
    answers = true;
    refusal = undefined;
    executor = open('leave');
  });
  afterEach(() => executor.close());

  function open(whenStopped: 'leave' | 'cancel'): SlurmExecutor {
    return new SlurmExecutor({
      bundles: [...jobs],
      submit: async ({ key }) => {
        const sent = new FakeJob('8_0', [key]);
        jobs.push(sent);
        return sent;
      },
      ask: async () => (id) => (answers ? jobs.find(({ job }) => job === id)!.look : { over: false }),
      cancel: async (ids) => {
        if (refusal !== undefined) throw refusal;
        cancelled.push(...ids);
        for (const job of jobs) if (ids.includes(job.job)) job.look = { over: true, failure: NODE_FAILURE };
      },
      whenStopped,
      clock,
    });
  }

  async function follow(key: string, signal?: AbortSignal) {
    const delegate = (await executor.reserve(request(key)))!;
    const heard: DelegateEvent[] = [];
    const told: { outcome?: DelegateOutcome } = {};
    const outcome = delegate.follow((event) => heard.push(event), signal).then((how) => (told.outcome = how));
    return { heard, told, outcome };
  }

  /** Lets it look so many times. */
  async function looks(times = 1): Promise<void> {
    for (let look = 0; look < times; look++) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      clock.advance(2_000);
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  it('passes on what the job tells of a node, and how it ended', async () => {
    const { heard, told } = await follow('a');
    jobs[0]!.lines.push(started('a', { resumedAt: 40, interrupted: true }));
    jobs[0]!.lines.push({ event: 'node-progress', key: 'a', progress: { done: 50, total: 100 } });
    jobs[0]!.lines.push({ event: 'node-log', key: 'a', line: 'a line' }, started('b'));
    await looks();
    expect(heard).toEqual([
      { kind: 'started', slot: 0, job: '7_0', resumedAt: 40, interrupted: true },
      { kind: 'progress', progress: { done: 50, total: 100 } },
      { kind: 'output', text: 'a line\n' },
    ]);
    expect(told.outcome).toBeUndefined();
    jobs[0]!.lines.push(ended('a', 'ran'));
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
  });

  it('looks at very many jobs more seldom', async () => {
    let asked = 0;
    jobs = Array.from({ length: 1_000 }, (_, index) => new FakeJob(`9_${index}`, [`n${index}`]));
    executor = new SlurmExecutor({
      ...{ bundles: jobs, whenStopped: 'leave', clock, cancel: async () => {} },
      submit: () => Promise.reject(new Error('Nothing is to be sent.')),
      ask: async () => {
        asked += 1;
        return () => ({ over: false });
      },
    });
    await follow('n0');
    await looks(2);
    expect(asked).toBe(1);
    await looks(2);
    expect(asked).toBe(2);
  });

  it('tells the whole story of a node to who comes later', async () => {
    const { told } = await follow('a');
    jobs[0]!.lines.push(started('a'), ended('a', 'ran'), started('b'));
    jobs[0]!.lines.push({ event: 'node-checkpoint', key: 'b', at: 3 });
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
    const late = await follow('b');
    expect(late.heard.map(({ kind }) => kind)).toEqual(['started', 'checkpoint-kept']);
  });

  it('knows of a node that nobody asked for whether one of its jobs has computed it', async () => {
    expect(await executor.hasComputed('a')).toBe(false);
    jobs[0]!.lines.push(started('a'), ended('a', 'ran'), ended('b', 'cached'));
    const found = await Promise.all(['a', 'b', 'c', 'other'].map((key) => executor.hasComputed(key)));
    expect(found).toEqual([true, false, false, false]);
    jobs[1]!.lines.push(started('c'));
    const isThere = executor.hasComputed('c'); // its result is there, and its job about to say that it has ended
    jobs[1]!.lines.push(ended('c', 'ran'));
    await looks();
    expect(await isThere).toBe(true);
  });

  it('takes a failed node for failed, and a job that was requeued for one that goes on', async () => {
    const stopped: Failure = { kind: 'stopped', signal: 'SIGTERM' };
    const [a, b] = [await follow('a'), await follow('b')];
    jobs[0]!.lines.push(started('a'), ended('a', 'blocked', stopped), jobEnd({ how: 'requeue', signal: 'SIGTERM' }));
    await looks(3);
    expect(a.told.outcome).toBeUndefined();
    jobs[0]!.lines.push(started('a'), ended('a', 'ran'), started('b'), ended('b', 'failed', NODE_FAILURE));
    await looks();
    expect(a.heard.filter(({ kind }) => kind === 'started')).toHaveLength(2);
    expect(a.told.outcome).toEqual({ kind: 'done', ran: true });
    expect(b.told.outcome).toEqual({ kind: 'failed', failure: NODE_FAILURE });
  });

  it('ends the wait for what a job has not told of when the job has ended: done, or for the reason that Slurm gives', async () => {
    const [a, c] = [await follow('a'), await follow('c')];
    jobs[0]!.lines.push(jobEnd({ how: 'done' }));
    jobs[0]!.look = { over: true };
    jobs[1]!.look = { over: true, failure: NODE_FAILURE };
    await looks();
    expect(a.told.outcome).toEqual({ kind: 'done', ran: false });
    await looks(3); // it said nothing at its end: what it wrote may come late
    expect(c.told.outcome).toEqual({ kind: 'failed', failure: NODE_FAILURE });
  });

  it('reads what a job wrote last though Slurm had said before that it has ended', async () => {
    const { told } = await follow('c');
    jobs[1]!.look = { over: true, failure: NODE_FAILURE };
    await looks();
    jobs[1]!.lines.push(started('c'), ended('c', 'ran'), jobEnd({ how: 'done' }));
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
  });

  it('takes a node that two jobs have from the one that has it first, and gives it up when both have ended', async () => {
    const { told } = await follow('shared');
    jobs[0]!.look = { over: true, failure: NODE_FAILURE };
    await looks(4);
    expect(told.outcome).toBeUndefined();
    jobs[1]!.lines.push(started('shared'), ended('shared', 'ran'));
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
  });

  it('waits on while Slurm does not answer, and hears what jobs tell meanwhile', async () => {
    answers = false;
    const { told } = await follow('a');
    jobs[0]!.look = { over: true, failure: NODE_FAILURE };
    await looks(10);
    expect(told.outcome).toBeUndefined();
    jobs[0]!.lines.push(started('a'), ended('a', 'ran'));
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
  });

  it('sends a job for a node that none has', async () => {
    const { told } = await follow('other');
    expect(jobs.at(-1)!.nodes).toEqual(['other']);
    jobs.at(-1)!.lines.push(started('other'), ended('other', 'ran'));
    await looks();
    expect(told.outcome).toEqual({ kind: 'done', ran: true });
  });

  it('leaves jobs alone when nobody waits any more', async () => {
    const stop = new AbortController();
    const { outcome } = await follow('a', stop.signal);
    stop.abort();
    expect(await outcome).toEqual({ kind: 'cancelled' });
    await executor.close();
    expect(cancelled).toEqual([]);
    expect(await executor.reserve(request('a'))).toBeUndefined();
  });

  describe('that are to be cancelled when nobody waits any more', () => {
    let passing: NodeJS.Timeout;
    beforeEach(() => {
      executor = open('cancel');
      passing = setInterval(() => clock.advance(1_000), 1);
    });
    afterEach(async () => {
      await executor.close();
      clearInterval(passing);
    });

    it('cancels those, and all when it closes', async () => {
      const stop = new AbortController();
      const [one, other] = [await follow('c', stop.signal), await follow('c', AbortSignal.abort())];
      stop.abort();
      // That the job has ended without a result is nothing that whoever cancelled it has to hear of.
      expect(await one.outcome).toEqual({ kind: 'cancelled' });
      expect(await other.outcome).toEqual({ kind: 'cancelled' });
      expect(new Set(cancelled)).toEqual(new Set(['7_1']));
      await executor.close();
      expect(cancelled.at(-1)).toBe('7_0');
    });

    it('cancels one that was on its way to Slurm', async () => {
      const stop = new AbortController();
      const reserved = executor.reserve({ ...request('other'), signal: stop.signal });
      stop.abort();
      expect(await reserved).toBeUndefined();
      expect(cancelled).toEqual(['8_0']);
    });

    it('says so if Slurm does not cancel one', async () => {
      refusal = new SwpError({ kind: 'scheduler', answers: false, message: 'Slurm does not answer', remedy: 'Wait.' });
      const { outcome } = await follow('c', AbortSignal.abort());
      expect(await outcome).toEqual({ kind: 'failed', failure: refusal.failure });
      refusal = undefined;
    });
  });
});
