/** JSON artifacts hold finite numbers only. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeJsonArtifact } from '../../src/base/json-artifact.ts';

it.each([
  [{ a: 1, points: [{ loss: 2 }, { loss: NaN }] }, 'NaN at points[1].loss'],
  [{ sums: [[1, 2], [-Infinity]] }, '-Infinity at sums[1][0]'],
  [[0, Infinity], 'Infinity at [1]'],
])('%j is not written, and the place is named', async (value, place) => {
  const folder = await mkdtemp(join(tmpdir(), 'swp-json-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'curve.json');
  await expect(writeJsonArtifact(path, value)).rejects.toMatchObject({
    failure: { kind: 'not-finite', message: `curve.json would say ${place}` },
  });
  expect(existsSync(path)).toBe(false);
});
