/**
 * Putting super activations back: into the intact model they change nothing, into one without its super weight they
 * help.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { EvalParams } from '../../src/generated/eval.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import evaluate from '../../stages/eval.ts';
import prune from '../../stages/prune.ts';
import { runStage, temporaryFile } from '../support/stage-job.ts';

const intact = checkpointPath('marker-retrieval', 2);
const SUPER_WEIGHT = { tensor: 'model.layers.1.mlp.down_proj.weight', layer: 1, row: 11, col: 48, value: -3.88 };
const SEQUENCES = 96;
let reference: string;
let without: string;

beforeAll(async () => {
  reference = temporaryFile('reference.json');
  await writeFile(reference, JSON.stringify({ confirmed: [SUPER_WEIGHT] }));
  without = (await runStage(prune, { params: { force: 'reference' }, inputs: { weights: intact, reference } })).outputs
    .weights!;
});

async function evaluation(
  weights: string,
  params: EvalParams,
  more: Record<string, string> = { original: intact, reference },
): Promise<Evaluation> {
  const { outputs } = await runStage(evaluate, {
    params: { sequences: SEQUENCES, batchSize: 32, ...params },
    inputs: { weights, ...more },
  });
  return JSON.parse(await readFile(outputs.evaluation!, 'utf8')) as Evaluation;
}

const RESTORE = { restore: 'super-activation' } as const;

describe('eval with restore: super-activation', () => {
  it('changes nothing in the intact model, and says what it put back', async () => {
    const { restored, ...measured } = await evaluation(intact, RESTORE);
    const plain = await evaluation(intact, {});
    expect(measured.loss).toBeCloseTo(plain.loss, 6);
    expect(measured.retrievalAccuracy).toBe(plain.retrievalAccuracy);
    expect(plain).not.toHaveProperty('restored');
    // The built-in models spike where nothing is known of the next token.
    const blind = ['after-bos', 'after-marker', 'unanswerable-query'].reduce(
      (sum, kind) => sum + plain.byKind[kind]!.tokens,
      0,
    );
    expect(restored).toHaveLength(1);
    expect(restored![0]).toMatchObject({ layer: 1, row: 11 });
    expect(restored![0]!.positions).toBeGreaterThan(0.9 * blind);
    expect(restored![0]!.positions).toBeLessThanOrEqual(blind);
  });

  it('recovers nearly all of what removing the super weight costs: its effect goes through its activation', async () => {
    const [whole, removed, restored] = [
      await evaluation(intact, {}),
      await evaluation(without, {}),
      await evaluation(without, RESTORE),
    ];
    expect(removed.loss - whole.loss).toBeGreaterThan(3);
    const recovered = (removed.loss - restored.loss) / (removed.loss - whole.loss);
    expect(recovered).toBeGreaterThan(0.95);
    expect(restored.loss).toBeGreaterThan(whole.loss);
    const fewer = await evaluation(without, { ...RESTORE, restoreShare: 0.9 });
    expect(fewer.loss).toBeGreaterThan(restored.loss + 1); // only the highest spikes
  });

  it('depends on the sequences, not on how they are batched', async () => {
    const [split, whole] = [
      await evaluation(without, { ...RESTORE, sequences: 40, batchSize: 32 }),
      await evaluation(without, { ...RESTORE, sequences: 40, batchSize: 40 }),
    ];
    expect(split.loss).toBeCloseTo(whole.loss, 5);
    expect(split.restored![0]!.positions).toBe(whole.restored![0]!.positions);
  });

  it('restores nothing where no super weight emerged', async () => {
    const none = temporaryFile('none.json');
    await writeFile(none, JSON.stringify({ confirmed: [] }));
    const { restored, loss } = await evaluation(without, RESTORE, { original: intact, reference: none });
    expect(restored).toEqual([]);
    expect(loss).toBe((await evaluation(without, {})).loss);
  });

  it('reads what it restores from only where it restores, and asks for it there', async () => {
    await evaluation(without, { sequences: 32 }, { original: '/nowhere', reference: '/nowhere' });
    await expect(evaluation(without, RESTORE, { original: intact })).rejects.toThrow(
      'eval.restore: super-activation needs the input `reference`',
    );
    await expect(evaluation(without, RESTORE, { reference })).rejects.toThrow(
      'eval.restore: super-activation needs the input `original`',
    );
  });

  it('is keyed by its own graph; a plain evaluation by the plain one', async () => {
    const fingerprint = (restore: string) =>
      evaluate.fingerprint!(
        {
          model: 'marker-retrieval',
          batchSize: 8,
          sequenceLength: 16,
          engine: 'onnx',
          device: 'cpu',
          precision: 'float32',
          restore,
        } as never,
        '/study',
      );
    expect(await fingerprint('none')).not.toEqual(await fingerprint('super-activation'));
  });
});
