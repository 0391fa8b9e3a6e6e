/**
 * Faults on purpose: whatever kills a run, at whatever moment, no damaged record is ever seen, what was published
 * stays, and the next run comes to the same results. SWP_FAULTS=200 asks for more rounds than the suite takes.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { verifyCache } from '../../src/cache/verification.ts';
import { Rig, builtWorker, bundle } from './rig.ts';

const ROUNDS = Number(process.env.SWP_FAULTS ?? 10);
const isRoot = process.getuid?.() === 0;
let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
let unmount: (() => Promise<unknown>) | undefined;
afterEach(async () => {
  await unmount?.();
  unmount = undefined;
  await rig.remove();
});

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
      damaged.push(...(await verifyCache(cache, 1, () => {})).damages);
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
  60_000 + 10_000 * ROUNDS,
);

it.skipIf(!isRoot)(
  `a disk that is full fails the nodes that do not fit, and says so; with room again, the rest is done${isRoot ? '' : ' (needs root, to mount a small disk)'}`,
  async () => {
    const run = promisify(execFile);
    const disk = rig.path('cache');
    await run('rm', ['-rf', disk]);
    await mkdir(disk);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', disk]).then(
      () => true,
      () => false,
    );
    if (!mounted) return; // a container without the right to mount
    unmount = () => run('umount', ['-l', disk]);
    await rig.reopen();
    await writeFile(rig.path('cache/ballast'), Buffer.alloc(210_000));
    const study = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`N${index}`, { params: { say: String(index).repeat(8000) } }]),
    );
    const full = await rig.run(study);
    expect(full.result.failed).toBeGreaterThan(0);
    const codes = full.result.failures
      .map(({ failure }) => (failure.kind === 'stage' ? failure.cause : failure))
      .map((failure) => failure !== undefined && 'code' in failure && failure.code);
    expect(new Set(codes)).toEqual(new Set(['ENOSPC']));
    await writeFile(rig.path('cache/ballast'), '');
    await rig.reopen();
    expect((await verifyCache(rig.cache, 1, () => {})).damages).toEqual([]);
    await run('mount', ['-o', 'remount,size=5m', disk]);
    const again = await rig.run(study);
    expect(again.result).toMatchObject({ failed: 0, cached: full.result.ran, ran: 12 - full.result.ran });
    await run('mount', ['-o', 'remount,ro', disk]);
    await rig.reopen();
    expect((await rig.run({ ...study })).result).toMatchObject({ cached: 12, ran: 0, failed: 0 });
    const refused = await rig.run({ ...study, fresh: {} });
    expect(refused.result.failures).toMatchObject([
      { label: { experiment: 'fresh' }, failure: { kind: 'file', code: 'EROFS' } },
    ]);
    await readFile(rig.path('cache/version'));
  },
);
