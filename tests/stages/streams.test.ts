/**
 * Which random streams the stages draw data from: what finds, what judges, what reports and what trains never share
 * any.
 */
import { beforeEach, expect, it, vi } from 'vitest';
import { corpusOf } from '../../src/model/corpora.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import detect from '../../stages/detect-sw.ts';
import evaluate from '../../stages/eval.ts';
import train from '../../stages/train.ts';
import { runStage } from '../support/stage-job.ts';

const corpus = corpusOf({ corpus: 'marker-retrieval' });
const batch = vi.spyOn(corpus, 'batch');
beforeEach(() => void batch.mockClear());

const inputs = { weights: checkpointPath('marker-retrieval', 2) };
const drawn = () => batch.mock.calls.map(([seed, stream, index]) => [seed, stream, index]);

it('detection seeks spikes in one stream and judges them on another; evaluation reports on a third', async () => {
  await runStage(detect, {
    params: { candidateSequences: 4, causalSequences: 4, batchSize: 4, controlsPerKind: 1 },
    inputs,
  });
  await runStage(evaluate, { params: { sequences: 8, batchSize: 4 }, inputs });
  expect(drawn()).toEqual([
    [20241, 'detect-candidates', 0],
    [20241, 'detect-causal', 0],
    [20241, 'eval', 0],
  ]);
});

it('training reads a stream that none of them reads, one batch per cumulative step', async () => {
  await runStage(train, { params: { seed: 20241, steps: 2, batchSize: 4 }, inputs });
  expect(drawn()).toEqual([
    [20241, 'retrain-data', 0],
    [20241, 'retrain-data', 1],
  ]);
});

it('streams of one seed have no sequence in common', () => {
  const sequences = ['train-data', 'retrain-data', 'detect-candidates', 'detect-causal', 'eval'].flatMap((stream) => {
    const tokens = corpus.batch(0, stream, 0, 500, 64);
    return Array.from({ length: 500 }, (_, row) => tokens.subarray(row * 65, (row + 1) * 65).join());
  });
  expect(new Set(sequences).size).toBe(sequences.length);
});
