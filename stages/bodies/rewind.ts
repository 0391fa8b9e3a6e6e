/** Runs rewind: takes the values to go back to from the input that the parameter `to` names. */
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { RewindParams } from '../../src/generated/rewind.ts';
import { parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { otherModelRemedy } from '../../src/model/model-files.ts';
import { writeMaskedWeights } from '../../src/model/stored-tensors.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readMasks, writeMasks } from '../../src/model/mask-file.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { zeros } from '../../src/science/sparsity.ts';
import { refuseOtherMasks, rewindTo, shuffleMasks } from '../../src/science/rewinding.ts';

/** The input that holds the values to go back to. */
const SOURCES = { none: 'weights', init: 'init', step: 'point', pretrained: 'pretrained' } as const;

export default async function rewind({
  params: { model, to, mask, scheme, seed },
  input,
  optionalInput,
  output,
}: StageJob<Required<RewindParams>>): Promise<Metrics> {
  const config = await readModelConfig(model);
  const source = async (to: keyof typeof SOURCES): Promise<Weights> => {
    const name = SOURCES[to];
    const path = optionalInput(name);
    if (path === undefined)
      throw new Error(
        `rewind.to: ${to} needs the input \`${name}\`: connect it in the study, or choose another value.`,
      );
    return readModelWeights(path, config, otherModelRemedy('rewind', model));
  };
  const found = await readMasks(input('mask'), parameterShapes(config));
  const masks = mask === 'shuffle' ? shuffleMasks(found, seed) : found;
  await writeMasks(output('mask'), masks);
  if (to === 'fresh')
    await writeSafetensors(output('weights'), rewindTo(initialise(tensorsOf(config), scheme, seed, 'fresh'), masks));
  else {
    const weights = await source(to);
    refuseOtherMasks(weights, masks);
    const parts = { weights: input(SOURCES[to]), mask: output('mask') };
    await writeMaskedWeights(output('weights'), { stage: 'rewind', weights, masks, parts });
  }
  const kept = [...masks.values()].reduce((sum, { data }) => sum + data.length - zeros(data), 0);
  return { to, mask, kept };
}
