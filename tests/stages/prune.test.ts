/** The prune stage: masks accumulate, weights are exactly zero, and the report says what happened to which tensor. */
import { readFile, writeFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import pruningSchema from '../../schemas/artifacts/pruning.schema.json' with { type: 'json' };
import type { Pruning } from '../../src/generated/pruning.ts';
import { digestFile } from '../../src/base/digest.ts';
import { readVirtualFile } from '../../src/base/virtual-file.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { applyMasks } from '../../src/science/pruning.ts';
import makeMaskedWeights from '../../stages/bodies/masked-weights.ts';
import prune from '../../stages/prune.ts';
import { runStage, temporaryFile } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

const weights = checkpointPath('marker-retrieval', 0);
const DOWN = 'model.layers.0.mlp.down_proj.weight';
const PRUNABLE = 3 * (4 * 48 * 48 + 3 * 48 * 96);
let superWeights: string;

beforeAll(async () => {
  superWeights = temporaryFile('super-weights.json');
  await writeFile(
    superWeights,
    JSON.stringify({ confirmed: [{ tensor: DOWN, layer: 0, row: 36, col: 67, value: 3.74 }] }),
  );
});

const isPruning = new Ajv().compile(pruningSchema);

async function report(path: string): Promise<Pruning> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  expect(isPruning(content), JSON.stringify(isPruning.errors)).toBe(true);
  return content as Pruning;
}

describe('prune', () => {
  it('prunes the block matrices alone by default, round after round of what remains', async () => {
    const first = await runStage(prune, { params: { fraction: 0.2 }, inputs: { weights } });
    const second = await runStage(prune, {
      params: { fraction: 0.2 },
      inputs: { weights: first.outputs.weights!, mask: first.outputs.mask! },
    });
    const pruning = await report(second.outputs.pruning!);
    const firstCount = Math.round(0.2 * PRUNABLE);
    expect(pruning).toMatchObject({
      prunable: PRUNABLE,
      prunedBefore: firstCount,
      prunedNow: Math.round(0.2 * (PRUNABLE - firstCount)),
    });
    expect(pruning.sparsity).toBeCloseTo(0.36, 4);
    expect(new Set(pruning.tensors.map(({ kind }) => kind))).toEqual(
      new Set(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']),
    );

    const pruned = await readWeights(second.outputs.weights!);
    const masks = await readMasks(second.outputs.mask!);
    for (const [name, { data }] of await readWeights(weights)) {
      const mask = masks.get(name)?.data;
      expect(pruned.get(name)!.data, name).toEqual(
        mask ? data.map((value, index) => (mask[index] === 1 ? value : 0)) : data,
      );
    }
    expect([...masks.keys()].every((name) => /^model\.layers\.\d\..*_proj\.weight$/.test(name))).toBe(true);
  });

  it('prunes each tensor by the same share when layerwise, each with its own threshold', async () => {
    const { outputs, metrics } = await runStage(prune, {
      params: { fraction: 0.5, scope: 'layerwise' },
      inputs: { weights },
    });
    const { tensors, threshold } = await report(outputs.pruning!);
    expect(tensors.every(({ weights: count, pruned }) => pruned === count / 2)).toBe(true);
    expect(new Set(tensors.map((tensor) => tensor.threshold)).size).toBe(tensors.length);
    expect([threshold, metrics.threshold]).toEqual([null, null]);
  });

  it('can prune the reference super weights alone', async () => {
    const { outputs } = await runStage(prune, {
      params: { force: 'reference' },
      inputs: { weights, reference: superWeights },
    });
    const pruning = await report(outputs.pruning!);
    expect(pruning).toMatchObject({ pruned: 1, prunedNow: 1, threshold: null });
    expect(pruning.forced[0]).toMatchObject({ tensor: DOWN, row: 36, col: 67 });
    expect((await readWeights(outputs.weights!)).get(DOWN)!.data[36 * 96 + 67]).toBe(0);
  });

  it('prunes named coordinates', async () => {
    const { outputs } = await runStage(prune, {
      params: { coordinates: [{ tensor: DOWN, row: 1, col: 2 }] },
      inputs: { weights },
    });
    expect((await report(outputs.pruning!)).forced.map(({ row, col }) => [row, col])).toEqual([[1, 2]]);
  });

  it('protects the reference super weights, or those that are detected now, and prunes exactly as many', async () => {
    const everything = { fraction: 0.999 };
    const plain = await report((await runStage(prune, { params: everything, inputs: { weights } })).outputs.pruning!);
    for (const [protect, input] of [
      ['reference', 'reference'],
      ['detected', 'detected'],
    ] as const) {
      const { outputs, metrics } = await runStage(prune, {
        params: { ...everything, criterion: 'random', seed: 0, protect },
        inputs: { weights, [input]: superWeights },
      });
      const pruning = await report(outputs.pruning!);
      expect(pruning.pruned).toBe(plain.pruned);
      expect(pruning.protected).toMatchObject([{ tensor: DOWN, row: 36, col: 67, spared: true }]);
      expect(metrics).toMatchObject({ spared: 1, threshold: null });
      expect((await readMasks(outputs.mask!)).get(DOWN)!.data[36 * 96 + 67]).toBe(1);
      await expect(runStage(prune, { params: { ...everything, protect }, inputs: { weights } })).rejects.toThrow(
        `prune.protect: ${protect} needs the input \`${input}\``,
      );
    }
    expect(plain.protected).toEqual([]);
    await expect(
      runStage(prune, { params: { fraction: 1, protect: 'reference' }, inputs: { weights, reference: superWeights } }),
    ).rejects.toThrow(
      `${PRUNABLE} weights are to be pruned of all prunable tensors, where ${PRUNABLE} are left, but 1 of those are protected.`,
    );
  });

  it('reads a detection only where a parameter asks for it', async () => {
    await runStage(prune, {
      params: { fraction: 0.1, protect: 'reference' },
      inputs: { weights, reference: superWeights, detected: '/nowhere' },
    });
    await runStage(prune, {
      params: { fraction: 0.1, protect: 'detected' },
      inputs: { weights, reference: '/nowhere', detected: superWeights },
    });
    await runStage(prune, {
      params: { fraction: 0.1 },
      inputs: { weights, reference: '/nowhere', detected: '/nowhere' },
    });
  });

  it('says of which kinds of tensor the threshold took its weights', async () => {
    const { kinds, tensors, prunedNow, pruned } = await report(
      (await runStage(prune, { params: { fraction: 0.3 }, inputs: { weights } })).outputs.pruning!,
    );
    const sum = (share: (kind: (typeof kinds)[number]) => number) =>
      kinds.reduce((total, kind) => total + share(kind), 0);
    expect(sum(({ shareOfPrunedNow }) => shareOfPrunedNow!)).toBeCloseTo(1, 12);
    expect(sum(({ shareOfKept }) => shareOfKept!)).toBeCloseTo(1, 12);
    const down = tensors
      .filter(({ kind }) => kind === 'down_proj')
      .reduce((total, tensor) => total + tensor.prunedNow, 0);
    expect(kinds.find(({ kind }) => kind === 'down_proj')).toMatchObject({
      weights: 3 * 48 * 96,
      pruned: down,
      prunedNow: down,
      shareOfPrunedNow: down / prunedNow,
      shareOfKept: (3 * 48 * 96 - down) / (PRUNABLE - pruned),
    });
    const all = (
      await report((await runStage(prune, { params: { fraction: 1 }, inputs: { weights } })).outputs.pruning!)
    ).kinds;
    expect(all.every(({ shareOfKept }) => shareOfKept === null)).toBe(true);
  });

  it('gives equal bytes for equal inputs', async () => {
    const [one, other] = [
      await runStage(prune, { params: { fraction: 0.3 }, inputs: { weights } }),
      await runStage(prune, { params: { fraction: 0.3 }, inputs: { weights } }),
    ];
    for (const artifact of ['mask', 'pruning'])
      expect(await readFile(one.outputs[artifact]!)).toEqual(await readFile(other.outputs[artifact]!));
    const [first, second] = [
      await readVirtualFile(one.outputs.weights!),
      await readVirtualFile(other.outputs.weights!),
    ];
    expect(first!.sha256).toBe(second!.sha256);
  });

  it('stores no pruned weights, but their digest and what they are made of, which makes those very bytes', async () => {
    const { outputs } = await runStage(prune, { params: { fraction: 0.3 }, inputs: { weights } });
    const { form, parts, sha256, bytes } = (await readVirtualFile(outputs.weights!))!;
    expect([form, parts]).toEqual(['masked-weights', { weights, mask: outputs.mask }]);
    const [made, expected] = [temporaryFile('made'), temporaryFile('expected')];
    await makeMaskedWeights(parts, made);
    await writeSafetensors(expected, applyMasks(await readWeights(weights), await readMasks(outputs.mask!)));
    for (const path of [made, expected]) expect(await digestFile(path)).toEqual({ sha256, bytes });

    const reversed = temporaryFile('reversed'); // no order of swp's: what is made of it would have other bytes
    await writeSafetensors(reversed, new Map([...(await readWeights(weights))].reverse()));
    const stored = await runStage(prune, { params: { fraction: 0.3 }, inputs: { weights: reversed } });
    expect(await digestFile(stored.outputs.weights!)).toEqual({ sha256, bytes });
  });

  it('refuses a pattern that matches no tensor, and a force without a reference', async () => {
    await expect(
      runStage(prune, { params: { prunable: ['model.layers.*_proj.weight', 'model.layer.*'] }, inputs: { weights } }),
    ).rejects.toThrow('The pattern "model.layer.*" matches none of the tensors: model.embed_tokens.weight, ');
    await expect(runStage(prune, { params: { force: 'reference' }, inputs: { weights } })).rejects.toThrow(
      'force: reference needs the input `reference`',
    );
  });
});
