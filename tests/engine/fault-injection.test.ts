/**
 * Faults on purpose: whatever kills a run, at whatever moment, no damaged record is ever seen, what was published
 * stays, and the next run comes to the same results. SWP_FAULTS=200 asks for more rounds than the suite takes.
 */
import { readdir } from 'node:fs/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { Rig, builtWorker, bundle } from './rig.ts';

const ROUNDS = Number(process.env.SWP_FAULTS ?? 10);
let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

const begin = async (directory: string) => {
  const process = execa('node', [await bundle('tests/engine/fault-driver.ts'), directory, await builtWorker()], {
    reject: false,
    detached: true,
  });
  await new Promise<void>((resolve) => {
    process.stdout.once('data', () => resolve()); // it has planned
    void process.then(() => resolve());
  });
  return { process, ended: process.then(({ stdout }) => String(stdout)) };
};
const wholeRun = async (directory: string) => {
  const { ended } = await begin(directory);
  const from = performance.now();
  const result = JSON.parse((await ended).split('\n').at(-1)!) as { digests: string[] };
  return { result, milliseconds: performance.now() - from };
};
const records = async (directory: string) =>
  (await readdir(`${directory}/cache/records`, { recursive: true })).filter((name) =>
    /^..\/[0-9a-f]{64}\.json$/.test(name),
  );

it(
  `kill -9 at ${ROUNDS} random moments: every record that is visible is whole, none is lost, and the end is the same`,
  async () => {
    const undisturbed = await Rig.create();
    onTestFinished(() => undisturbed.remove());
    const { result: expected, milliseconds } = await wholeRun(undisturbed.directory);
    let known: string[] = [];
    const [lost, damaged] = [[] as string[], [] as unknown[]];
    let [cut, seen] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      // A cache that is complete has nothing to interrupt: it is begun anew.
      if (known.length >= expected.digests.length) {
        await rig.remove();
        rig = await Rig.create();
        known = [];
      }
      const { process, ended } = await begin(rig.directory);
      // Anywhere in the run, however fast this machine is now; less is to do where much is there already.
      const moment =
        (Math.random() * milliseconds * (expected.digests.length - known.length)) / expected.digests.length;
      if ((await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, moment))])) === undefined) cut++;
      process.kill('SIGKILL');
      await ended;
      const now = await records(rig.directory);
      lost.push(...known.filter((name) => !now.includes(name)));
      known = now;
      seen += now.length;
      const cache = await Cache.open(`${rig.directory}/cache`);
      damaged.push(...(await verifyCache(cache)).damages);
    }
    console.log(
      `kill -9: ${ROUNDS} runs, ${cut} killed while they ran; ${seen} records looked at afterwards: ${lost.length} lost, ${damaged.length} damaged`,
    );
    expect(lost).toEqual([]);
    expect(damaged).toEqual([]);
    if (ROUNDS >= 10) expect(seen).toBeGreaterThan(0); // or nothing was tested
    expect((await wholeRun(rig.directory)).result).toEqual(expected);
    const left = await readdir(`${rig.directory}/cache/tmp`);
    expect(left).toEqual([]);
  },
  300_000 + 30_000 * ROUNDS,
);
