/** Pitfall: an activation spike is called a super weight, and its survival is told without what chance would keep. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import detect from '../../stages/detect-sw.ts';
import prune from '../../stages/prune.ts';
import { runStage } from '../support/stage-job.ts';

const QUICK = { batchSize: 16, causalSequences: 16 };
const reportOf = async (inputs: Record<string, string>, params = {}) => {
  const { outputs } = await runStage(detect, { params: { ...QUICK, ...params }, inputs });
  return {
    path: outputs.superWeights!,
    ...(JSON.parse(await readFile(outputs.superWeights!, 'utf8')) as SuperWeightReport),
  };
};

it('a spike of twelve times the ordinary maximum that costs nothing is refused: checkpoint 5 has one in its first layer', async () => {
  const { candidates, confirmed } = await reportOf({ weights: checkpointPath('marker-retrieval', 5) });
  const spike = candidates.find(({ coordinate }) => coordinate.layer === 0)!;
  expect(Math.min(spike.inputRatio, spike.outputRatio)).toBeGreaterThan(8);
  expect(spike.effect).toBeLessThan(0.02);
  expect(spike).toMatchObject({
    confirmed: false,
    verdict: expect.stringMatching(/^Refused: zeroing it costs 0\.0\d+ nats, less than 0\.1\.$/) as string,
  });
  expect(confirmed.map(({ layer }) => layer)).toEqual([1]);
});

it('a coordinate that is no super weight there is followed without ever being called functional, beside its base rate', async () => {
  const elsewhere = await reportOf({ weights: checkpointPath('marker-retrieval', 1) });
  const { survival } = await reportOf({ weights: checkpointPath('marker-retrieval', 2), reference: elsewhere.path });
  expect(survival[0]).toMatchObject({
    kept: true,
    functional: false,
    redetection: 'moved',
    baseRate: { tensorKept: 1 },
  });
});

it('under random pruning the followed weight is kept no more often than its base rate says', async () => {
  const weights = checkpointPath('marker-retrieval', 1);
  const reference = await reportOf({ weights });
  const bits: number[] = [];
  for (let seed = 0; seed < 12; seed++) {
    const pruned = await runStage(prune, { params: { criterion: 'random', fraction: 0.5, seed }, inputs: { weights } });
    const { survival } = await reportOf(
      { weights: pruned.outputs.weights!, reference: reference.path },
      { candidateSequences: 2, causalSequences: 2, batchSize: 2, rescans: 0, minimumEffect: 100 },
    );
    const { kept, baseRate } = survival[0]!;
    bits.push(Number(kept));
    expect(baseRate.tensorKept).toBeCloseTo(0.5, 1);
    expect(baseRate.kinds.map(({ kind, n }) => [kind, n])).toEqual(
      ['next-largest', 'same-row', 'same-column', 'random'].map((kind) => [kind, 4]),
    );
  }
  const kept = bits.reduce((sum, bit) => sum + bit, 0);
  expect(kept).toBeGreaterThan(1); // 12 fair coins: fewer than 2 or more than 10 heads in 0.6 % of cases
  expect(kept).toBeLessThan(11);
});
