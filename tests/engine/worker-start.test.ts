/** Workers that never start: every node says why, what was run, and what to do; nobody waits for ever, or twice. */
import { writeFile } from 'node:fs/promises';
import picocolors from 'picocolors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { failureText } from '../../src/cli/failure-text.ts';
import { Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

/** Three nodes, one after the other, with a worker that is another program. */
async function failuresWith(source: string, startMs = 60_000): Promise<string[]> {
  const worker = rig.path('worker.mjs');
  await writeFile(worker, source);
  const executor = new LocalExecutor({ jobs: 1, gpus: new GpuSlots({ choice: 'none' }), worker, startMs });
  const { result } = await rig.run({ A: {}, B: {}, C: {} }, { executor }).finally(() => executor.close());
  expect(result).toMatchObject({ failed: 3, ran: 0 });
  const texts = result.failures.map(({ failure }) => failureText(failure, picocolors.createColors(false)));
  return [...new Set(texts.map((text) => text.replaceAll(rig.directory, 'RIG')))];
}

const COMMAND = `  What was run: ${process.execPath} RIG/worker.mjs\n`;
const BY_HAND =
  '  Run that by hand to see what it says. A limit may refuse it a thread or memory (`ulimit -u`, `ulimit -v`); `npm ci` installs it anew.';

test('a worker that crashes at its start says with what', async () => {
  const source =
    "import { appendFileSync } from 'node:fs'; appendFileSync('RIG/starts', '.'); throw new RangeError('no');";
  expect(await failuresWith(source.replaceAll('RIG', rig.directory))).toEqual([
    `error: No worker process could be started: it ended with exit code 1 before it took a job.\n  It wrote: RangeError: no\n${COMMAND}${BY_HAND}`,
  ]);
});

test('a worker that hangs at its start is given up once, and the other nodes do not wait for their own', async () => {
  expect(await failuresWith('process.on("SIGTERM", () => {}); for (;;);', 1_000)).toEqual([
    `error: No worker process could be started: it did not answer within 1 s.\n${COMMAND}${BY_HAND}`,
  ]);
});

test('where the system starts no process, that is said in its words', async () => {
  const { execPath } = process;
  try {
    process.execPath = '/nowhere/node';
    const [text] = await failuresWith('');
    expect(text).toMatch(/^error: No worker process could be started: there is no such file\.\n/);
    expect(text).toContain('  What was run: /nowhere/node RIG/worker.mjs\n');
  } finally {
    process.execPath = execPath;
  }
});
