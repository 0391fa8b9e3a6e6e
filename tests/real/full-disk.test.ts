/** A disk that is full, then one that is read-only: a small one is mounted, which takes root. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { Rig } from '../engine/rig.ts';
import { requireRoot } from './requirements.ts';

beforeAll(requireRoot);

it('a disk that is full fails the nodes that do not fit, and says so; with room again, the rest is done', async () => {
  const rig = await Rig.create();
  onTestFinished(() => rig.remove());
  const disk = rig.path('cache');
  await rm(disk, { recursive: true, force: true });
  await mkdir(disk);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', disk]);
  onTestFinished(() => execa('umount', ['-l', disk]).then(() => {}));
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
  expect((await verifyCache(rig.cache)).damages).toEqual([]);
  await execa('mount', ['-o', 'remount,size=5m', disk]);
  const again = await rig.run(study);
  expect(again.result).toMatchObject({ failed: 0, cached: full.result.ran, ran: 12 - full.result.ran });
  await execa('mount', ['-o', 'remount,ro', disk]);
  await rig.reopen();
  expect((await rig.run({ ...study })).result).toMatchObject({ cached: 12, ran: 0, failed: 0 });
  const refused = await rig.run({ ...study, fresh: {} });
  expect(refused.result.failures).toMatchObject([
    { label: { experiment: 'fresh' }, failure: { kind: 'file', code: 'EROFS' } },
  ]);
  await readFile(rig.path('cache/version'));
});
