/**
 * load-pretrained: one of the model's committed checkpoints, checked against its configuration.
 *
 * A checkpoint that is missing, corrupt or of another shape is a failure. Nothing here can fall back to random weights:
 * an arm called pretrained is pretrained or it does not run.
 */
import schema from '../schemas/stages/load-pretrained.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { LoadPretrainedParams } from '../src/generated/load-pretrained.ts';

export default defineStage<Required<LoadPretrainedParams>>({
  name: 'load-pretrained',
  summary: 'Loads a trained checkpoint.',
  params: schema,
  inputs: {},
  outputs: { weights: { summary: 'The checkpoint, float32, in the order of the configuration.', file: 'weights.safetensors', evictable: true } },

  async files({ model, checkpoint }) {
    const { checkpointFile, configFile } = await import('../src/model/model-files.ts');
    return [configFile(model), checkpointFile(model, checkpoint)];
  },

  async fingerprint({ model }) {
    const { parametersFingerprint } = await import('../src/model/model-fingerprint.ts');
    return parametersFingerprint(model);
  },

  async run({ params: { model, checkpoint }, output }) {
    const { checkpointPath, readModelConfig } = await import('../src/model/model-config.ts');
    const { checkpointRemedy } = await import('../src/model/model-files.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const config = await readModelConfig(model);
    const weights = await readModelWeights(checkpointPath(model, checkpoint), config, checkpointRemedy(model, checkpoint));
    await writeSafetensors(output('weights'), weights);
    return { checkpoint, parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0) };
  },
});
