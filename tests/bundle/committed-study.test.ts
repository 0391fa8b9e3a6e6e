/** The bundles of docs/study hold as they are committed, and a part of the study comes out of this machine the same. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundlePaths, STUDY_FOLDER } from '../../build/docs/committed-study.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpProject } from '../support/swp-project.ts';

interface Recomputed {
  place: string;
  verdict: string;
  detail?: string;
}

interface Verified {
  ok: boolean;
  findings: object[];
  recomputed?: Recomputed[];
}

async function verify(path: string, ...args: string[]): Promise<Verified> {
  const elsewhere = await SwpProject.create({});
  const { json, stderr, exitCode } = await elsewhere.swp(
    ...['bundle', 'verify', join(packageRoot, path), '--json', ...args],
  );
  expect([exitCode, stderr]).toEqual([0, '']);
  return json<Verified>()[0]!;
}

/** Of the table: the first round of a run, 3,000 training steps. */
const REPEATED = ['experiment=A1', 'seed=0', 'round=0,1'];

describe('docs/study', () => {
  it('has study.tar.br, from which every number of its report follows, and a part of it comes out bit for bit', async () => {
    const { ok, findings, recomputed } = await verify(`${STUDY_FOLDER}/study.tar.br`, '--recompute', ...REPEATED);
    expect({ ok, findings }).toEqual({ ok: true, findings: [] });
    const places = recomputed!.map(({ place }) => place);
    for (const step of ['r0/detect-start', 'r1/train', 'r1/detect-trained', 'r1/prune', 'r1/eval-pruned'])
      expect(places).toContain(`A1/s0/${step}`);
    // A checkpoint is tried with ONNX Runtime before it is used, whose last digits are the processor's.
    const isTrial = ({ place, verdict, detail = '' }: Recomputed) =>
      place.endsWith('/load') && verdict === 'close' && detail.startsWith('metrics: sampleLoss was');
    expect(recomputed!.filter((each) => each.verdict !== 'same' && !isTrial(each))).toEqual([]);
  });

  const others = bundlePaths().filter((path) => !path.endsWith('/study.tar.br'));
  it.runIf(others.length > 0).each(others)('has %s, from which every number of its report follows', async (path) => {
    expect(await verify(path)).toMatchObject({ ok: true, findings: [] });
  });
});
