/**
 * What every executor keeps to, whatever it runs jobs on. An executor's test calls `executorContract` with a way to
 * open one, and with a stage whose jobs do what the parameter `do` says:
 *
 *     write        its input and `say` to the output; a line on each output stream; progress
 *     fail         since the disk is full: "no space left"
 *     die          its process ends without an answer
 *     fill GPU     fails as a device without memory does
 *     take memory  more than 300 MB
 *     checkpoint   writes two checkpoints, at 1 and at 2; in between it tries in vain and says "not yet"
 *     resume       writes where it goes on and the state there
 *     wait         says "waiting" and goes on until it is cancelled
 *
 * An executor gives slots, for jobs that the caller prepares, or delegates, which prepare and publish by themselves.
 * `executorContract` says what is done and what comes of it, and holds for both; `slotContract` has what is asked of
 * slots besides.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import type { JsonObject } from '../../src/base/json.ts';
import type {
  Delegate,
  DelegateEvent,
  Executor,
  JobEvent,
  JobOutcome,
  JobResources,
  PreparedJob,
  Slot,
  SlotRequest,
} from '../../src/engine/executor.ts';
import { metricsOf } from '../../src/engine/run-job.ts';

/** What is heard of a deed: of a job, or of what a delegate does. */
export type DeedEvent = JobEvent | DelegateEvent;

/** How a deed ended, in the words that jobs and delegates have in common. */
export type DeedOutcome = { kind: 'done' } | { kind: 'cancelled' } | { kind: 'failed'; failure: Failure };

interface OfSlots {
  executor: Executor<Slot>;
  /** The stage's module. */
  module: string;
}

interface OfDelegates {
  executor: Executor<Delegate>;
  /** Makes a node that does this with these resources, and returns its key. */
  declare(params: JsonObject, resources: JobResources): Promise<string>;
  /** The text that the node has made. */
  read(key: string): Promise<string>;
}

export type ExecutorUnderTest = (OfSlots | OfDelegates) & {
  /** Lets whoever waits for a GPU look again, where that takes time. */
  lookAgain(): void;
};

/** How long a test may take where jobs of a cluster have to start. */
const OF_A_CLUSTER_MS = 90_000;

/** @param open an executor of two places and one GPU; what it needs may lie in the folder, which has the input */
export function executorContract(name: string, open: (folder: string) => Promise<ExecutorUnderTest>): void {
  describe(name, () => {
    let folder: string;
    let under: ExecutorUnderTest;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'swp-executor-'));
      await writeFile(join(folder, 'in.txt'), 'given, ');
      under = await open(folder);
    }, OF_A_CLUSTER_MS);
    afterEach(async () => {
      await under.executor.close();
      await rm(folder, { recursive: true, force: true });
    }, OF_A_CLUSTER_MS);

    const test = (title: string, body: () => Promise<void>) => it(title, body, OF_A_CLUSTER_MS);
    const withoutGpu: SlotRequest = { place: 'A/s0/r0/step', resources: { cpus: 1, gpus: 0 } };
    const withGpu: SlotRequest = { place: 'A/s0/r0/step', resources: { cpus: 1, gpus: 1 } };

    /**
     * Begins a deed.
     * @returns undefined where the executor gives no room for it; else with what is heard of it and how it ends
     */
    async function begin(params: JsonObject, { signal, ...request }: SlotRequest = withoutGpu) {
      const events: DeedEvent[] = [];
      let wake = () => {};
      const hear = (event: DeedEvent) => {
        events.push(event);
        if (event.kind === 'checkpoint') event.taken();
        wake();
      };
      let room: Slot | Delegate;
      let outcome: Promise<DeedOutcome>;
      let read: () => Promise<string>;
      if ('module' in under) {
        const { module, executor } = under;
        const slot = await executor.reserve({ ...request, ...(signal && { signal }) });
        if (slot === undefined) return undefined;
        room = slot;
        const checkpoints = join(folder, 'checkpoints');
        await mkdir(checkpoints, { recursive: true });
        const job = {
          ...deed(folder, module, params),
          checkpoints: { folder: checkpoints, everySeconds: 0, state: ['text'] },
        };
        outcome = slot.submit(job, hear, signal).then((ended) => deedOutcome(ended, job));
        read = () => readFile(join(folder, 'text.txt'), 'utf8');
      } else {
        const { executor, declare, read: readNode } = under;
        const key = await declare(params, request.resources);
        const delegate = await executor.reserve({ ...request, key, ...(signal && { signal }) });
        if (delegate === undefined) return undefined;
        room = delegate;
        outcome = delegate.follow(hear, signal);
        read = () => readNode(key);
      }
      const output = () => events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
      let isOver = false;
      void outcome.then(() => {
        isOver = true;
        room.release();
        wake();
      });
      const says = async (words: string) => {
        while (!output().includes(words)) {
          if (isOver) throw new Error(`It ended without saying "${words}": ${JSON.stringify(await outcome)}`);
          await new Promise<void>((resolve) => (wake = resolve));
        }
      };
      return { events, outcome, output, says, read };
    }

    const does = async (params: JsonObject, request?: SlotRequest) => (await begin(params, request))!.outcome;

    test('computes a node of its inputs and parameters', async () => {
      const { outcome, read } = (await begin({ do: 'write', say: 'hello' }))!;
      expect(await outcome).toMatchObject({ kind: 'done' });
      expect(await read()).toBe('given, hello');
    });

    test('tells the start first, then what the stage writes and how far it is, all before it ends', async () => {
      const { events, outcome, output } = (await begin({ do: 'write', say: '' }))!;
      await outcome;
      expect(events[0]).toMatchObject({ kind: 'started', slot: expect.any(Number) as unknown });
      expect(output().split('\n').sort()).toEqual(['', 'a line', 'another line']);
      expect(events.filter(({ kind }) => kind === 'progress').at(-1)).toEqual({
        kind: 'progress',
        progress: { done: 2, total: 2 },
      });
    });

    test('says why a stage failed, and computes the next node', async () => {
      expect(await does({ do: 'fail' })).toMatchObject({
        kind: 'failed',
        failure: {
          kind: 'stage',
          message: 'no space left',
          cause: { kind: 'file', operation: 'write', code: 'ENOSPC' },
        },
      });
      expect(await does({ do: 'write', say: '' })).toMatchObject({ kind: 'done' });
    });

    test('says that the process of a stage died, and computes the next node', async () => {
      expect(await does({ do: 'die' })).toMatchObject({ failure: { kind: 'worker-died', signal: 'SIGKILL' } });
      expect(await does({ do: 'write', say: '' })).toMatchObject({ kind: 'done' });
    });

    test('tells a device without memory from other failures', async () => {
      expect(await does({ do: 'fill GPU' })).toMatchObject({ failure: { kind: 'out-of-memory' } });
    });

    test('ends what takes more memory than it declared', async () => {
      const memoryBytes = 300e6;
      const outcome = await does(
        { do: 'take memory' },
        { ...withoutGpu, resources: { cpus: 1, gpus: 0, memoryBytes } },
      );
      expect(outcome).toMatchObject({ failure: { kind: 'memory-limit', limit: memoryBytes } });
      expect((outcome as { failure: { reached: number } }).failure.reached).toBeGreaterThan(memoryBytes);
    });

    test('tells of checkpoints as they are written', async () => {
      const { events, outcome } = (await begin({ do: 'checkpoint' }))!;
      expect(await outcome).toMatchObject({ kind: 'done' });
      const kept = events.flatMap((event) => (event.kind.startsWith('checkpoint') && 'at' in event ? [event.at] : []));
      expect(kept).toEqual([1, 2]);
    });

    test('cancels what it runs, and computes the next node', async () => {
      const cancel = new AbortController();
      const { outcome, says } = (await begin({ do: 'wait' }, { ...withoutGpu, signal: cancel.signal }))!;
      await says('waiting');
      cancel.abort();
      expect(await outcome).toEqual({ kind: 'cancelled' });
      expect(await does({ do: 'write', say: '' })).toMatchObject({ kind: 'done' });
    });

    test('gives a request up when it is told to', async () => {
      expect(await begin({ do: 'write', say: '' }, { ...withoutGpu, signal: AbortSignal.abort() })).toBeUndefined();
    });

    test('computes two nodes side by side; a third one waits for room', async () => {
      const cancel = new AbortController();
      const request = { ...withoutGpu, signal: cancel.signal };
      const jobs = await Promise.all(['one', 'two'].map((say) => begin({ do: 'wait', say }, request)));
      await Promise.all(jobs.map((job) => job!.says('waiting')));
      let isThrough = false;
      const third = does({ do: 'write', say: 'third' }).then((how) => ((isThrough = true), how));
      under.lookAgain();
      expect(isThrough).toBe(false);
      cancel.abort();
      await Promise.all(jobs.map((job) => job!.outcome));
      expect(await third).toMatchObject({ kind: 'done' });
    });

    test('gives a GPU to one node at a time; who waits for one holds up nobody else', async () => {
      const cancel = new AbortController();
      const first = (await begin({ do: 'wait' }, { ...withGpu, signal: cancel.signal }))!;
      await first.says('waiting');
      let isThrough = false;
      const second = does({ do: 'write', say: 'second' }, withGpu).then((how) => ((isThrough = true), how));
      expect(await does({ do: 'write', say: '' })).toMatchObject({ kind: 'done' });
      expect(isThrough).toBe(false);
      cancel.abort();
      await first.outcome;
      const looking = setInterval(() => under.lookAgain(), 10);
      expect(await second).toMatchObject({ kind: 'done' });
      clearInterval(looking);
    });

    test('closes: what runs is cancelled, and there is no room any more', async () => {
      const { outcome, says } = (await begin({ do: 'wait' }))!;
      await says('waiting');
      await under.executor.close();
      expect(await outcome).toEqual({ kind: 'cancelled' });
      expect(await begin({ do: 'write', say: '' })).toBeUndefined();
    });
  });
}

/** @param open as for `executorContract` */
export function slotContract(name: string, open: (folder: string) => Promise<OfSlots & { lookAgain(): void }>): void {
  describe(`${name}: slots`, () => {
    let folder: string;
    let under: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'swp-slots-'));
      await writeFile(join(folder, 'in.txt'), 'given, ');
      under = await open(folder);
    });
    afterEach(async () => {
      await under.executor.close();
      await rm(folder, { recursive: true, force: true });
    });

    const reserve = (more: Partial<SlotRequest> = {}) =>
      under.executor.reserve({ place: 'A/s0/r0/step', resources: { cpus: 1, gpus: 0 }, ...more });
    const job = (params: JsonObject, more: Partial<PreparedJob> = {}) => ({
      ...deed(folder, under.module, params),
      ...more,
    });

    /** A job in a slot, with what is heard of it. */
    function start(
      slot: Slot,
      prepared: PreparedJob,
      signal?: AbortSignal,
      onEvent: (event: JobEvent) => void = () => {},
    ) {
      const events: JobEvent[] = [];
      let wake = () => {};
      const outcome = slot.submit(
        prepared,
        (event) => {
          events.push(event);
          onEvent(event);
          wake();
        },
        signal,
      );
      const output = () => events.flatMap((event) => (event.kind === 'output' ? [event.text] : [])).join('');
      const says = async (words: string) => {
        while (!output().includes(words)) await new Promise<void>((resolve) => (wake = resolve));
      };
      return { events, outcome, says };
    }

    it('takes one job after another, whatever became of the one before; metrics come back', async () => {
      using slot = await reserve();
      expect(await start(slot!, job({ do: 'fail' })).outcome).toMatchObject({ kind: 'error' });
      expect(await start(slot!, job({ do: 'die' })).outcome).toMatchObject({ kind: 'died' });
      const cancel = new AbortController();
      const { outcome, says } = start(slot!, job({ do: 'wait' }), cancel.signal);
      await says('waiting');
      cancel.abort();
      expect(await outcome).toEqual({ kind: 'cancelled' });
      expect(await start(slot!, job({ do: 'wait' }), cancel.signal).outcome).toEqual({ kind: 'cancelled' });
      const written = await start(slot!, job({ do: 'write', say: 'hello' })).outcome;
      expect(written).toMatchObject({ kind: 'done', metrics: { length: 5 } });
    });

    it('hands over a checkpoint as files, and no other one until that is taken', async () => {
      const checkpoints = join(folder, 'checkpoints');
      await mkdir(checkpoints);
      using slot = await reserve();
      const prepared = job(
        { do: 'checkpoint' },
        { checkpoints: { folder: checkpoints, everySeconds: 0, state: ['text'] } },
      );
      const untaken: (() => void)[] = [];
      const { events, outcome, says } = start(slot!, prepared, undefined, (event) => {
        if (event.kind !== 'checkpoint') return;
        if (event.at === 1) untaken.push(event.taken);
        else event.taken();
      });
      await says('not yet');
      expect(untaken).toHaveLength(1);
      untaken[0]!();
      expect(await outcome).toMatchObject({ kind: 'done' });
      const written = events.flatMap((event) => (event.kind === 'checkpoint' ? [event] : []));
      expect(written.map(({ at }) => at)).toEqual([1, 2]);
      expect(await readFile(written[1]!.files.text!, 'utf8')).toBe('state at 2');
      expect(written[1]!.files.text!.startsWith(checkpoints)).toBe(true);
    });

    it('lets a job go on where another one stopped', async () => {
      await writeFile(join(folder, 'state.txt'), 'a state');
      using slot = await reserve();
      const resume = { at: 7, state: { text: join(folder, 'state.txt') } };
      expect(await start(slot!, job({ do: 'resume' }, { resume })).outcome).toMatchObject({ kind: 'done' });
      expect(await readFile(join(folder, 'text.txt'), 'utf8')).toBe('7: a state');
    });

    it('numbers its slots; among requests that wait, the greatest priority comes first', async () => {
      const [one, two] = [(await reserve())!, (await reserve())!];
      const cancel = new AbortController();
      const jobs = [one, two].map((slot) => start(slot, job({ do: 'wait' }), cancel.signal));
      await Promise.all(jobs.map(({ says }) => says('waiting')));
      const slots = jobs.map(({ events }) => events[0]).map((event) => (event?.kind === 'started' ? event.slot : -1));
      expect(slots.sort()).toEqual([0, 1]);

      const served: string[] = [];
      const later = ['last', 'first'].map(async (which) => {
        using _slot = await reserve({ priority: which === 'first' ? 2 : 1 });
        served.push(which);
      });
      expect(served).toEqual([]);
      cancel.abort();
      await Promise.all(jobs.map(({ outcome }) => outcome));
      two.release();
      two.release();
      await Promise.all(later);
      expect(served).toEqual(['first', 'last']);
      one.release();
    });

    it('tells who waits for a GPU which there are', async () => {
      const gpu = { resources: { cpus: 1, gpus: 1 } };
      const first = (await reserve(gpu))!;
      let second: Slot | undefined;
      const told = await new Promise<readonly unknown[]>((onWait) => {
        void reserve({ ...gpu, onWait }).then((slot) => (second = slot));
      });
      expect(told).toHaveLength(1);
      expect(second).toBeUndefined();
      first.release();
      while (second === undefined) {
        under.lookAgain();
        await new Promise((resolve) => setImmediate(resolve));
      }
      second.release();
    });
  });
}

function deed(folder: string, module: string, params: JsonObject): PreparedJob {
  return {
    module,
    root: folder,
    params,
    inputs: { from: join(folder, 'in.txt') },
    gathered: {},
    outputs: { text: join(folder, 'text.txt') },
  };
}

/** What a run makes of the outcome of a job. */
function deedOutcome(outcome: JobOutcome, job: PreparedJob): DeedOutcome {
  if (outcome.kind === 'cancelled') return { kind: 'cancelled' };
  try {
    metricsOf(outcome, job, { stage: 'deeds', node: 'A/s0/r0/step' });
    return { kind: 'done' };
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return { kind: 'failed', failure: error.failure };
  }
}
