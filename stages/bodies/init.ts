/** Runs init: passes the pretrained weights on, or draws new ones. */
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { InitParams } from '../../src/generated/init.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { writeSameWeights } from '../../src/model/stored-tensors.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { initialise } from '../../src/science/initialisation.ts';

export default async function init({
  params: { model, scheme, seed },
  optionalInput,
  output,
}: StageJob<Required<InitParams>>): Promise<Metrics> {
  const config = await readModelConfig(model);
  if (scheme !== 'pretrained') {
    await writeSafetensors(output('weights'), initialise(tensorsOf(config), scheme, seed));
    return { scheme };
  }
  const pretrained = optionalInput('pretrained');
  if (pretrained === undefined)
    throw new Error(
      'The scheme "pretrained" needs the input `pretrained`: connect it to load-pretrained in the study, or choose another scheme.',
    );
  const remedy = `Load a checkpoint of ${model}, or set init.model to the model that was loaded.`;
  await writeSameWeights(output('weights'), await readModelWeights(pretrained, config, remedy), pretrained);
  return { scheme };
}
