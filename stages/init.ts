/**
 * init: the weights that a run starts from. `pretrained` passes the loaded ones on; every other scheme draws all
 * tensors anew, so that nothing pretrained survives. Streams depend on the seed and the tensor's name, never on the
 * experiment.
 */
import schema from '../schemas/stages/init.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { InitParams } from '../src/generated/init.ts';
import { initialisationFingerprint } from '../src/model/model-fingerprint.ts';
import { onModel } from '../src/model/model-stage.ts';
import { weightBytes } from '../src/science/stage-work.ts';
import { initialMemory, loadingDisk } from '../src/science/weights-work.ts';

export default defineStage(
  onModel<Required<InitParams>>({
    name: 'init',
    summary: 'Keeps the pretrained weights or draws new ones.',
    params: schema,
    inputs: {
      pretrained: {
        summary: 'Weights that the scheme `pretrained` keeps; no other scheme reads them.',
        optional: true,
        virtual: true,
      },
    },
    outputs: {
      weights: {
        summary: 'Weights to start from, float32.',
        file: 'weights.safetensors',
        evictable: true,
        virtual: true,
      },
    },

    // Nothing is drawn under the scheme `pretrained`.
    inKey: ({ scheme }): JsonObject => (scheme === 'pretrained' ? { seed: null } : {}),
    fingerprint: ({ model }) => initialisationFingerprint(model),
    memory: initialMemory,
    disk: ({ model, scheme }) => (scheme === 'pretrained' ? loadingDisk(model) : weightBytes(model)),
    forms: { 'same-weights': () => import('./bodies/same-weights.ts') },
    body: () => import('./bodies/init.ts'),
  }),
);
