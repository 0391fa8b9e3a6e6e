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
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import type { Executor, JobEvent, JobOutcome, PreparedJob, Slot, SlotRequest } from '../../src/engine/executor.ts';

export interface ExecutorUnderTest {
  executor: Executor;
  /** The stage's module. */
  module: string;
  /** Lets whoever waits for a GPU look again, where that takes time. */
  lookAgain(): void;
}

/** @param open an executor of two slots and one GPU; what it needs may lie in the folder */
export function executorContract(name: string, open: (folder: string) => Promise<ExecutorUnderTest>): void {
  describe(name, () => {
    let folder: string;
    let under: ExecutorUnderTest;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'swp-executor-'));
      under = await open(folder);
      await writeFile(join(folder, 'in.txt'), 'given, ');
    });
    afterEach(async () => {
      await under.executor.close();
      await rm(folder, { recursive: true, force: true });
    });

    const reserve = (more: Partial<SlotRequest> = {}) =>
      under.executor.reserve({ place: 'A/s0/r0/step', resources: { cpus: 1, gpus: 0 }, ...more });
    const job = (params: JsonObject, more: Partial<PreparedJob> = {}): PreparedJob => ({
      module: under.module,
      root: folder,
      params,
      inputs: { from: join(folder, 'in.txt') },
      gathered: {},
      outputs: { text: join(folder, 'text.txt') },
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
      return { events, outcome, output, says };
    }

    async function runs(params: JsonObject, more: Partial<SlotRequest> = {}): Promise<JobOutcome> {
      using slot = await reserve(more);
      return await start(slot!, job(params)).outcome;
    }

    it('runs a job on its inputs and parameters: outputs lie at their paths, metrics come back', async () => {
      expect(await runs({ do: 'write', say: 'hello' })).toMatchObject({ kind: 'done', metrics: { length: 5 } });
      expect(await readFile(join(folder, 'text.txt'), 'utf8')).toBe('given, hello');
    });

    it('tells the start first, then what the job writes and how far it is, all before it ends', async () => {
      using slot = await reserve();
      const { events, outcome, output } = start(slot!, job({ do: 'write', say: '' }));
      await outcome;
      expect(events[0]).toEqual({ kind: 'started', slot: expect.any(Number) as unknown });
      expect(output().split('\n').sort()).toEqual(['', 'a line', 'another line']);
      expect(events.filter(({ kind }) => kind === 'progress').at(-1)).toEqual({
        kind: 'progress',
        progress: { done: 2, total: 2 },
      });
    });

    it('says why a job failed, and the slot takes the next one', async () => {
      using slot = await reserve();
      expect(await start(slot!, job({ do: 'fail' })).outcome).toMatchObject({
        kind: 'error',
        message: 'no space left',
        cause: { kind: 'file', operation: 'write', code: 'ENOSPC' },
      });
      expect(await start(slot!, job({ do: 'write', say: '' })).outcome).toMatchObject({ kind: 'done' });
    });

    it('says that a job died, and the slot takes the next one', async () => {
      using slot = await reserve();
      expect(await start(slot!, job({ do: 'die' })).outcome).toMatchObject({ kind: 'died', signal: 'SIGKILL' });
      expect(await start(slot!, job({ do: 'write', say: '' })).outcome).toMatchObject({ kind: 'done' });
    });

    it('tells a device without memory from other failures', async () => {
      expect(await runs({ do: 'fill GPU' })).toMatchObject({ kind: 'out-of-device-memory' });
    });

    it('ends a job that takes more memory than it declared', async () => {
      const memoryBytes = 300e6;
      const outcome = await runs({ do: 'take memory' }, { resources: { cpus: 1, gpus: 0, memoryBytes } });
      expect(outcome).toMatchObject({ kind: 'too-large', limit: memoryBytes });
      expect((outcome as { reached: number }).reached).toBeGreaterThan(memoryBytes);
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

    it('cancels a job, and the slot takes the next one', async () => {
      using slot = await reserve();
      const cancel = new AbortController();
      const { outcome, says } = start(slot!, job({ do: 'wait' }), cancel.signal);
      await says('waiting');
      cancel.abort();
      expect(await outcome).toEqual({ kind: 'cancelled' });
      expect(await start(slot!, job({ do: 'wait' }), cancel.signal).outcome).toEqual({ kind: 'cancelled' });
      expect(await start(slot!, job({ do: 'write', say: '' })).outcome).toMatchObject({ kind: 'done' });
    });

    it('runs two jobs side by side; a third one has to wait, and among several the greatest priority comes first', async () => {
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

    it('gives a request up when it is told to', async () => {
      expect(await reserve({ signal: AbortSignal.abort() })).toBeUndefined();
    });

    it('gives a GPU to one job at a time; who waits for one is told, and holds up nobody else', async () => {
      const gpu = { resources: { cpus: 1, gpus: 1 } };
      const first = (await reserve(gpu))!;
      let told: readonly unknown[] | undefined;
      let second: Slot | undefined;
      const waiting = new Promise<void>((resolve) => {
        void reserve({
          ...gpu,
          onWait: (devices) => {
            told = devices;
            resolve();
          },
        }).then((slot) => (second = slot));
      });
      await waiting;
      expect(told).toHaveLength(1);
      expect(await runs({ do: 'write', say: '' })).toMatchObject({ kind: 'done' });
      expect(second).toBeUndefined();
      first.release();
      while (second === undefined) {
        under.lookAgain();
        await new Promise((resolve) => setImmediate(resolve));
      }
      second.release();
    });

    it('closes: running jobs are cancelled, and there are no slots any more', async () => {
      const slot = (await reserve())!;
      const { outcome, says } = start(slot, job({ do: 'wait' }));
      await says('waiting');
      let ended: JobOutcome | undefined;
      void outcome.then((how) => (ended = how));
      await under.executor.close();
      expect(ended ?? (await outcome)).toEqual({ kind: 'cancelled' });
      slot.release();
      expect(await reserve()).toBeUndefined();
    });
  });
}
