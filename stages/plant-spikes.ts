/**
 * plant-spikes: the detector's own error rates on random models. Nothing in them is a super weight; one spike is
 * planted, by falling and rising strength, and the finder must name its place. src/science/planting.ts has the method.
 */
import schema from '../schemas/stages/plant-spikes.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { CPU_TARGET } from '../src/compute/runtimes/runtime.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { PlantSpikesParams } from '../src/generated/plant-spikes.ts';
import { FAMILIES } from '../src/model/decoder/family-of.ts';
import { layeredFingerprint } from '../src/model/graph-fingerprint.ts';
import { plantingFingerprint } from '../src/model/model-fingerprint.ts';
import { randomModelConfigs } from '../src/science/random-models.ts';
import { plantingProblems } from '../src/science/param-problems.ts';

export default defineStage<Required<PlantSpikesParams>>({
  name: 'plant-spikes',
  summary: 'Plants spikes in random models and lets the detector look for them: its hit and false-alarm rates there.',
  params: {
    ...schema,
    properties: {
      ...schema.properties,
      families: { ...schema.properties.families, items: { enum: Object.keys(FAMILIES) } },
    },
  },
  inputs: {},
  outputs: {
    planted: { summary: 'What was planted and what was found, model by model.', file: 'planted-spikes.json' },
  },

  watches: () => enginePackageFiles('onnx'),

  problems: plantingProblems,
  fingerprint(params) {
    const shape = { batch: params.batchSize, sequence: params.sequenceLength };
    return Promise.resolve(
      randomModelConfigs(params).map((config) => ({
        ...layeredFingerprint(config, shape, CPU_TARGET),
        ...plantingFingerprint(config),
      })),
    );
  },
  body: () => import('./bodies/plant-spikes.ts'),
});
