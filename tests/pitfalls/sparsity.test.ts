/**
 * Pitfall: density is logged as sparsity, or "20 %" means of the remaining in one place and of the total in another.
 */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { Pruning } from '../../src/generated/pruning.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import evaluate from '../../stages/eval.ts';
import prune from '../../stages/prune.ts';
import { runStage } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

const weights = checkpointPath('marker-retrieval', 0);
const BLOCKS = /^model\.layers\.\d+\..*_proj\.weight$/;

it.each([
  ['remaining', 1 - 0.8 ** 3],
  ['total', 0.6],
  ['cumulative', 0.2],
] as const)(
  'three rounds of a fifth "of: %s" leave the share of zeros that every number called sparsity states',
  async (of, sparsity) => {
    let inputs: Record<string, string> = { weights };
    let last;
    for (let round = 0; round < 3; round++) {
      last = await runStage(prune, { params: { of, fraction: 0.2 }, inputs });
      inputs = { weights: last.outputs.weights!, mask: last.outputs.mask! };
    }
    const values = [...(await readWeights(inputs.weights!))]
      .filter(([name]) => BLOCKS.test(name))
      .flatMap(([, { data }]) => [...data]);
    const zeros = values.filter((value) => value === 0).length / values.length;
    expect(zeros).toBeCloseTo(sparsity, 4);
    const pruning = JSON.parse(await readFile(last!.outputs.pruning!, 'utf8')) as Pruning;
    const { outputs, metrics } = await runStage(evaluate, {
      params: { sequences: 8, batchSize: 8 },
      inputs: { weights: inputs.weights! },
    });
    const evaluation = JSON.parse(await readFile(outputs.evaluation!, 'utf8')) as Evaluation;
    for (const stated of [
      pruning.sparsity,
      pruning.pruned / pruning.prunable,
      last!.metrics.sparsity,
      evaluation.sparsity,
      metrics.sparsity,
    ])
      expect(stated).toBe(zeros);
  },
);
