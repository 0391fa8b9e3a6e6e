/**
 * detect-sw and eval on the committed checkpoints: a real super weight is found, followed, and lost when it is pruned.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import evaluationSchema from '../../schemas/artifacts/evaluation.schema.json' with { type: 'json' };
import superWeightsSchema from '../../schemas/artifacts/super-weights.schema.json' with { type: 'json' };
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readSequenceLosses } from '../../src/model/sequence-losses.ts';
import detectSw from '../../stages/detect-sw.ts';
import evaluate from '../../stages/eval.ts';
import prune from '../../stages/prune.ts';
import { runStage, temporaryFile } from '../support/stage-job.ts';

const weights = checkpointPath('marker-retrieval', 1);
const PLACE = { tensor: 'model.layers.0.mlp.down_proj.weight', layer: 0, row: 24, col: 59 };
/** Fewer sequences than the default: enough for a super weight, whose effect is not subtle. */
const QUICKLY = { batchSize: 16, causalSequences: 16 };
const validators = new Ajv();
const isSuperWeightReport = validators.compile(superWeightsSchema);
const isEvaluation = validators.compile(evaluationSchema);

async function report(path: string): Promise<SuperWeightReport> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  expect(isSuperWeightReport(content), JSON.stringify(isSuperWeightReport.errors)).toBe(true);
  return content as SuperWeightReport;
}

async function evaluation(path: string): Promise<Evaluation> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  expect(isEvaluation(content), JSON.stringify(isEvaluation.errors)).toBe(true);
  return content as Evaluation;
}

describe('detect-sw', () => {
  it('confirms the super weight of a committed checkpoint, and nothing else', async () => {
    const { outputs, metrics } = await runStage(detectSw, { params: { ablateLargest: 5 }, inputs: { weights } });
    const { confirmed, survival, ablation, candidates } = await report(outputs.superWeights!);
    expect(confirmed).toHaveLength(1);
    expect(confirmed[0]).toMatchObject(PLACE);
    const candidate = candidates.find((entry) => entry.confirmed)!;
    expect(Math.exp(candidate.effect)).toBeGreaterThan(4);
    expect(candidate.worstControl).toBeLessThan(0.01 * candidate.effect);
    expect(survival[0]).toMatchObject({ kept: true, rank: 1, functional: true, redetection: 'same' });
    expect(ablation[0]).toMatchObject({ coordinate: PLACE, rank: 1, effect: candidate.effect });
    expect(Math.max(...ablation.slice(1).map(({ effect }) => effect))).toBeLessThan(0.05);
    expect(metrics).toMatchObject({ confirmed: 1, place: 'layer 0 [24, 59]', topEffect: candidate.effect });
  });

  it('follows the reference through a prune that removes it alone', async () => {
    const before = await runStage(detectSw, { params: QUICKLY, inputs: { weights } });
    const pruned = await runStage(prune, {
      params: { force: 'reference' },
      inputs: { weights, reference: before.outputs.superWeights! },
    });
    const after = await runStage(detectSw, {
      params: QUICKLY,
      inputs: {
        weights: pruned.outputs.weights!,
        reference: before.outputs.superWeights!,
        pruning: pruned.outputs.pruning!,
      },
    });
    const { survival, referenceStatus } = await report(after.outputs.superWeights!);
    expect(referenceStatus).toBe('given');
    expect(survival[0]).toMatchObject({
      coordinate: PLACE,
      kept: false,
      value: 0,
      effect: 0,
      functional: false,
      threshold: null,
      margin: null,
    });
  });

  it('tests the known place alone where nothing is to be sought, and has no number for what was not looked for', async () => {
    const reference = (await runStage(detectSw, { params: QUICKLY, inputs: { weights } })).outputs.superWeights!;
    const { outputs, metrics } = await runStage(detectSw, {
      params: { ...QUICKLY, search: 'none' },
      inputs: { weights, reference },
    });
    const { search, candidates, survival } = await report(outputs.superWeights!);
    expect({ search, candidates }).toEqual({ search: 'none', candidates: [] });
    expect(survival).toEqual(
      (await report(reference)).survival.map((entry) => ({ ...entry, redetection: 'not-sought' })),
    );
    expect(metrics).toMatchObject({ confirmed: null, place: null, topEffect: null, referenceFunctional: 1 });
  });

  it('states the margin to the threshold of the last prune, whichever its scope', async () => {
    const reference = (await runStage(detectSw, { params: QUICKLY, inputs: { weights } })).outputs.superWeights!;
    for (const scope of ['global', 'layerwise'] as const) {
      const pruned = await runStage(prune, { params: { fraction: 0.2, scope }, inputs: { weights } });
      const { outputs } = await runStage(detectSw, {
        params: QUICKLY,
        inputs: { weights: pruned.outputs.weights!, reference, pruning: pruned.outputs.pruning! },
      });
      const [entry] = (await report(outputs.superWeights!)).survival;
      const pruning = JSON.parse(await readFile(pruned.outputs.pruning!, 'utf8')) as {
        threshold: number | null;
        tensors: { tensor: string; threshold: number }[];
      };
      const threshold = pruning.threshold ?? pruning.tensors.find(({ tensor }) => tensor === PLACE.tensor)!.threshold;
      expect(entry).toMatchObject({ kept: true, threshold, margin: Math.abs(entry!.value) / threshold });
      expect(entry!.margin).toBeGreaterThan(10);
    }
  });

  it('gives equal bytes for equal weights', async () => {
    const [one, other] = [
      await runStage(detectSw, { params: QUICKLY, inputs: { weights } }),
      await runStage(detectSw, { params: QUICKLY, inputs: { weights } }),
    ];
    expect(await readFile(one.outputs.superWeights!)).toEqual(await readFile(other.outputs.superWeights!));
  });
});

describe('eval', () => {
  const quick = { sequences: 256 };

  it('measures a committed checkpoint near the entropy of the language, with retrieval learned', async () => {
    const { outputs, metrics, progress } = await runStage(evaluate, { params: quick, inputs: { weights } });
    const result = await evaluation(outputs.evaluation!);
    expect(result.floor).toBe(corpusOf({ corpus: 'marker-retrieval' }).entropyFloor(64));
    expect(result.loss - result.floor!).toBeGreaterThan(-3 * result.standardError!);
    expect(result.loss - result.floor!).toBeLessThan(0.05);
    expect(result.perplexity).toBeCloseTo(Math.exp(result.loss), 10);
    expect(result.tokens).toBe(256 * 64);
    expect(result.sparsity).toBe(0);
    expect(result.retrievalAccuracy).toBeGreaterThan(0.99);
    const kinds = Object.values(result.byKind);
    expect(kinds.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(result.tokens);
    expect(kinds.reduce((sum, { tokens, loss }) => sum + tokens * loss, 0) / result.tokens).toBeCloseTo(
      result.loss,
      10,
    );
    expect(result.byKind['after-bos']!.tokens).toBe(256);
    expect(result.byKind['after-bos']!.loss).toBeCloseTo(Math.log(59), 1);
    expect(result.byKind['answerable-query']!.loss).toBeLessThan(0.1);
    expect(metrics).toMatchObject({ loss: result.loss, retrievalAccuracy: result.retrievalAccuracy });
    expect(progress.at(-1)).toEqual({ done: 4, total: 4 });
  });

  it('depends on the sequences, not on how they are batched', async () => {
    const whole = await evaluation(
      (await runStage(evaluate, { params: { sequences: 40, batchSize: 40 }, inputs: { weights } })).outputs.evaluation!,
    );
    const split = await evaluation(
      (await runStage(evaluate, { params: { sequences: 40, batchSize: 16 }, inputs: { weights } })).outputs.evaluation!,
    );
    expect(split.tokens).toBe(whole.tokens);
    expect(split.loss).toBeCloseTo(whole.loss, 6);
    expect(split.retrievalAccuracy).toBe(whole.retrievalAccuracy);
  });

  it('reports the fraction of block weights that ARE zero', async () => {
    const pruned = await runStage(prune, { params: { fraction: 0.25 }, inputs: { weights } });
    const { outputs } = await runStage(evaluate, { params: quick, inputs: { weights: pruned.outputs.weights! } });
    expect((await evaluation(outputs.evaluation!)).sparsity).toBe(0.25);
  });

  it('measures what there is where nothing can be retrieved and one sequence has no spread', async () => {
    const { outputs, metrics } = await runStage(evaluate, {
      params: { sequences: 1, batchSize: 1, sequenceLength: 2 },
      inputs: { weights },
    });
    const unknown = { standardError: null, excessStandardError: null, retrievalAccuracy: null };
    expect(metrics).toMatchObject(unknown);
    expect(await evaluation(outputs.evaluation!)).toMatchObject({ ...unknown, queries: 0, tokens: 2 });
  });

  it('holds a checkpoint against the very tokens: what is left is its own, with a much smaller error', async () => {
    const { outputs } = await runStage(evaluate, { params: quick, inputs: { weights } });
    const { excess, excessStandardError, standardError } = await evaluation(outputs.evaluation!);
    // 0.0107 to 0.0118 over 2,048 sequences, by checkpoint
    expect(Math.abs(excess! - 0.0112)).toBeLessThan(4 * excessStandardError!);
    expect(excessStandardError!).toBeLessThan(standardError! / 8);
    const { losses } = await readSequenceLosses(outputs.sequenceLosses!);
    expect(losses).toHaveLength(256);
  });

  it('names the weights that are not finite', async () => {
    const bytes = await readFile(weights);
    bytes.writeFloatLE(NaN, bytes.length - 4);
    const broken = temporaryFile('broken.safetensors');
    await writeFile(broken, bytes);
    await expect(runStage(evaluate, { params: quick, inputs: { weights: broken } })).rejects.toThrow(
      /not finite: it is NaN, at \[63, 47\] of lm_head\.weight/,
    );
  });

  it('is fingerprinted by graph, corpus and engine: another sequence length is another computation', async () => {
    const fingerprint = (sequenceLength: number) =>
      evaluate.fingerprint!(
        { model: 'marker-retrieval', batchSize: 8, sequenceLength, engine: 'onnx' } as never,
        '/study',
      );
    expect(await fingerprint(16)).toEqual(await fingerprint(16));
    expect(await fingerprint(16)).not.toEqual(await fingerprint(32));
    expect(await fingerprint(16)).toMatchObject({
      corpus: { corpus: 'marker-retrieval' },
      engine: expect.stringContaining('onnxruntime-node') as string,
    });
  });
});
