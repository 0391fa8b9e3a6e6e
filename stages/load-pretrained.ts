/**
 * load-pretrained: one of the model's committed checkpoints, checked against its configuration.
 *
 * A checkpoint that is missing, corrupt, of another shape, or no better than random weights is a failure. Nothing here
 * can fall back to random weights, and a file of random weights is told by its loss: an arm called pretrained is
 * pretrained or it does not run.
 */
import schema from '../schemas/stages/load-pretrained.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { LoadPretrainedParams } from '../src/generated/load-pretrained.ts';

export default defineStage<Required<LoadPretrainedParams>>({
  name: 'load-pretrained',
  summary: 'Loads a trained checkpoint.',
  params: schema,
  inputs: {},
  outputs: {
    weights: {
      summary: 'The checkpoint, float32, in the order of the configuration.',
      file: 'weights.safetensors',
      evictable: true,
    },
  },

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
    const { learnedLoss } = await import('../src/model/learned-weights.ts');
    const { checkpointRemedy } = await import('../src/model/model-files.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const config = await readModelConfig(model);
    const [path, remedy] = [checkpointPath(model, checkpoint), checkpointRemedy(model, checkpoint)];
    const weights = await readModelWeights(path, config, remedy);
    const sampleLoss = await learnedLoss(weights, config, path, remedy);
    await writeSafetensors(output('weights'), weights);
    return {
      checkpoint,
      sampleLoss,
      parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0),
    };
  },
});
