/**
 * load-pretrained: one of the model's checkpoints, or the one of a published model, checked against its configuration.
 *
 * A checkpoint that is missing, corrupt, of another shape, or no better than random weights is a failure. Nothing here
 * can fall back to random weights, and a file of random weights is told by its loss: an arm called pretrained is
 * pretrained or it does not run.
 */
import schema from '../schemas/stages/load-pretrained.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { LoadPretrainedParams } from '../src/generated/load-pretrained.ts';
import { checkpointFiles } from '../src/model/model-files.ts';
import { isPublished } from '../src/model/open-published.ts';
import { parametersFingerprint } from '../src/model/model-fingerprint.ts';
import { onModel } from '../src/model/model-stage.ts';
import { loadingDisk, loadingMemory } from '../src/science/weights-work.ts';

export default defineStage(
  onModel<Required<LoadPretrainedParams>>({
    name: 'load-pretrained',
    summary: 'Loads a trained checkpoint.',
    params: schema,
    inputs: {
      tokens: { summary: 'The token ids of a text, on which weights show that they have learned.', optional: true },
    },
    outputs: {
      weights: {
        summary: 'The checkpoint, float32, in the order of the configuration.',
        file: 'weights.safetensors',
        evictable: true,
        virtual: true,
      },
    },

    files: ({ model, checkpoint }) => checkpointFiles(model, checkpoint),
    // Of a published model every seed loads the one checkpoint.
    inKey: ({ model }): JsonObject => (isPublished(model) ? { checkpoint: null } : {}),
    fingerprint: ({ model }) => parametersFingerprint(model),
    memory: loadingMemory,
    disk: ({ model }) => loadingDisk(model),
    // A published model is not copied: its files are what the weights are made of.
    forms: { 'published-weights': () => import('./bodies/published-weights.ts') },
    body: () => import('./bodies/load-pretrained.ts'),
  }),
);
