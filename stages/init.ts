/**
 * init: the weights that a run starts from. `pretrained` passes the loaded ones on; every other scheme draws all
 * tensors anew, so that nothing pretrained survives. Streams depend on the seed and the tensor's name, never on the
 * experiment.
 */
import schema from '../schemas/stages/init.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { InitParams } from '../src/generated/init.ts';

export default defineStage<Required<InitParams>>({
  name: 'init',
  summary: 'Keeps the pretrained weights or draws new ones.',
  params: schema,
  inputs: {
    pretrained: { summary: 'Weights that the scheme `pretrained` keeps; no other scheme reads them.', optional: true },
  },
  outputs: { weights: { summary: 'Weights to start from, float32.', file: 'weights.safetensors', evictable: true } },

  async files({ model }) {
    const { configFile } = await import('../src/model/model-files.ts');
    return [configFile(model)];
  },

  async fingerprint({ model }) {
    const { parametersFingerprint } = await import('../src/model/model-fingerprint.ts');
    return parametersFingerprint(model);
  },

  async run({ params: { model, scheme, seed }, optionalInput, output }) {
    const { readModelConfig } = await import('../src/model/model-config.ts');
    const { parameterShapes } = await import('../src/model/decoder/decoder-graph.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const { initialise } = await import('../src/science/initialisation.ts');
    const config = await readModelConfig(model);
    if (scheme !== 'pretrained') {
      await writeSafetensors(output('weights'), initialise(parameterShapes(config), scheme, seed, config.layers));
      return { scheme };
    }
    const pretrained = optionalInput('pretrained');
    if (pretrained === undefined)
      throw new Error(
        'The scheme "pretrained" needs the input `pretrained`: connect it to load-pretrained in the study, or choose another scheme.',
      );
    const remedy = `Load a checkpoint of ${model}, or set init.model to the model that was loaded.`;
    await writeSafetensors(output('weights'), await readModelWeights(pretrained, config, remedy));
    return { scheme };
  },
});
