/**
 * prune: makes weights exactly zero, those that the criterion takes and those that are forced, never those that are
 * protected. The mask it writes only ever shrinks; what the pruning did to each tensor, and where its threshold fell,
 * is an artifact of its own, because a global threshold's composition decides much of what an initialisation does.
 */
import schema from '../schemas/stages/prune.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { PruneParams } from '../src/generated/prune.ts';
import type { Pruning } from '../src/generated/pruning.ts';
import type { SuperWeightReport } from '../src/generated/super-weights.ts';
import type { MatrixPosition } from '../src/science/pruning.ts';

export default defineStage<Required<PruneParams>>({
  name: 'prune',
  summary: 'Prunes the weights of smallest magnitude, or random ones: exactly as many as asked for.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to prune.' },
    mask: { summary: 'Mask of the last prune: 1 = kept.', optional: true },
    reference: {
      summary: "The reference super weights' detection, for force: reference and protect: reference.",
      optional: true,
    },
    detected: { summary: 'The detection on these weights, for protect: detected.', optional: true },
  },
  outputs: {
    weights: { summary: 'The weights with every pruned one exactly 0.', file: 'weights.safetensors', evictable: true },
    mask: { summary: '1 = kept, 0 = pruned, U8, for every prunable tensor.', file: 'mask.safetensors' },
    pruning: { summary: 'Counts, sparsity and thresholds, per tensor.', file: 'pruning.json' },
  },

  async run({ params, input, optionalInput, output }) {
    const { readJsonArtifact, writeJsonArtifact } = await import('../src/base/json-artifact.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const { readMasks, readWeights } = await import('../src/model/weights-file.ts');
    const { tensorKind } = await import('../src/model/tensor-name.ts');
    const { selectTensors } = await import('../src/model/tensor-selection.ts');
    const { applyMasks, prune } = await import('../src/science/pruning.ts');
    const { composition, totals } = await import('../src/science/pruning-composition.ts');

    const weights = await readWeights(input('weights'));
    const earlier = optionalInput('mask');
    const masks = earlier === undefined ? new Map() : await readMasks(earlier);
    /** The super weights of a detection; only what the parameters ask for is read. */
    const confirmedBy = async (name: 'reference' | 'detected', asked: string): Promise<MatrixPosition[]> => {
      const path = optionalInput(name);
      if (path === undefined)
        throw new Error(`${asked} needs the input \`${name}\`: connect it to a detect-sw step in the study.`);
      const { confirmed } = await readJsonArtifact<SuperWeightReport>(path);
      return confirmed.map(({ tensor, row, col }) => ({ tensor, row, col }));
    };
    const { coordinates, force, protect } = params;
    const forced = [...coordinates, ...(force === 'none' ? [] : await confirmedBy(force, `prune.force: ${force}`))];
    const safe = protect === 'none' ? [] : await confirmedBy(protect, `prune.protect: ${protect}`);

    const outcome = prune(selectTensors(weights, params.prunable), masks, { ...params, forced, protected: safe });
    const tensors = outcome.tensors.map((tensor) => ({ ...tensor, kind: tensorKind(tensor.tensor) }));
    const counts = totals(tensors);
    const pruning: Pruning = {
      ...counts,
      prunedBefore: counts.pruned - counts.prunedNow,
      sparsity: counts.pruned / counts.prunable,
      threshold: outcome.threshold,
      forced: outcome.forced,
      protected: outcome.protected,
      tensors,
      kinds: composition(tensors),
    };
    await writeSafetensors(output('weights'), applyMasks(weights, outcome.masks));
    await writeSafetensors(output('mask'), outcome.masks);
    await writeJsonArtifact(output('pruning'), pruning);
    return {
      sparsity: pruning.sparsity,
      pruned: pruning.pruned,
      prunedNow: pruning.prunedNow,
      threshold: pruning.threshold,
      forced: pruning.forced.length,
      spared: pruning.protected.filter(({ spared }) => spared).length,
    };
  },
});
