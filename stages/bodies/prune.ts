/** Runs prune: reads weights, mask and the detections that are asked for; writes all three outputs. */
import { readJsonArtifact, writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { PruneParams } from '../../src/generated/prune.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { otherModelRemedy } from '../../src/model/model-files.ts';
import { writeMaskedWeights } from '../../src/model/stored-tensors.ts';
import { selectTensors } from '../../src/model/tensor-selection.ts';
import { readMasks, writeMasks } from '../../src/model/mask-file.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { pruningOf } from '../../src/science/pruning-outputs.ts';
import { superWeightsAndMembers } from '../../src/science/joint-effects.ts';
import { prune, type MatrixPosition } from '../../src/science/pruning.ts';

export default async function pruneWeights({
  params,
  input,
  optionalInput,
  output,
}: StageJob<Required<PruneParams>>): Promise<Metrics> {
  const config = await readModelConfig(params.model);
  const facts = tensorsOf(config);
  const weights = await readModelWeights(input('weights'), config, otherModelRemedy('prune', params.model));
  const earlier = optionalInput('mask');
  const masks = earlier === undefined ? new Map() : await readMasks(earlier, parameterShapes(config));
  /** The super weights of a detection, and the members of its joint sets; only what the parameters ask for is read. */
  const confirmedBy = async (name: 'reference' | 'detected', asked: string): Promise<MatrixPosition[]> => {
    const path = optionalInput(name);
    if (path === undefined)
      throw new Error(`${asked} needs the input \`${name}\`: connect it to a detect-sw step in the study.`);
    return superWeightsAndMembers(await readJsonArtifact<SuperWeightReport>(path));
  };
  const { coordinates, force, protect } = params;
  const forced = [...coordinates, ...(force === 'none' ? [] : await confirmedBy(force, `prune.force: ${force}`))];
  const safe = protect === 'none' ? [] : await confirmedBy(protect, `prune.protect: ${protect}`);

  const outcome = prune(selectTensors(weights, facts, params.prunable), masks, { ...params, forced, protected: safe });
  const tensors = outcome.tensors.map((tensor) => ({ ...tensor, kind: facts.get(tensor.tensor)!.kind }));
  const pruning = pruningOf(tensors, outcome);
  await writeMasks(output('mask'), outcome.masks);
  await writeMaskedWeights(output('weights'), {
    ...{ stage: 'prune', weights, masks: outcome.masks },
    parts: { weights: input('weights'), mask: output('mask') },
  });
  await writeJsonArtifact(output('pruning'), pruning);
  return {
    sparsity: pruning.sparsity,
    pruned: pruning.pruned,
    prunedNow: pruning.prunedNow,
    threshold: pruning.threshold,
    forced: pruning.forced.length,
    spared: pruning.protected.filter(({ spared }) => spared).length,
  };
}
