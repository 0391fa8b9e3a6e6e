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
  outputs: { weights: { summary: 'The checkpoint, float32, in the order of the configuration.', file: 'weights.safetensors' } },

  files: ({ model, checkpoint }) => [`models/${model}/config.json`, `models/${model}/seed-${checkpoint}.safetensors`],

  async run({ params: { model, checkpoint }, output }) {
    const { checkpointPath, readModelConfig } = await import('../src/model/model-config.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const config = await readModelConfig(model);
    const remedy = `Restore checkpoint ${checkpoint} of ${model} (the models' README says how to rebuild it), or choose another seed or load-pretrained.checkpoint.`;
    const weights = await readModelWeights(checkpointPath(model, checkpoint), config, remedy);
    await writeSafetensors(output('weights'), weights);
    return { checkpoint, parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0) };
  },
});
