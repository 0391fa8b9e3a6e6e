/**
 * prune: makes weights exactly zero, those that the criterion takes and those that are forced, never those that are
 * protected. The mask it writes only ever shrinks; what the pruning did to each tensor, and where its threshold fell,
 * is an artifact of its own, because a global threshold's composition decides much of what an initialisation does.
 */
import schema from '../schemas/stages/prune.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { PruneParams } from '../src/generated/prune.ts';
import { tensorsFingerprint } from '../src/model/model-fingerprint.ts';
import { pruningProblems } from '../src/science/param-problems.ts';
import { onModel } from '../src/model/model-stage.ts';
import { pruningDisk, pruningMemory } from '../src/science/weights-work.ts';

export default defineStage(
  onModel<Required<PruneParams>>({
    name: 'prune',
    summary: 'Prunes the weights of smallest magnitude, or random ones: exactly as many as asked for.',
    params: schema,
    inputs: {
      weights: { summary: 'Weights to prune.', virtual: true },
      mask: { summary: 'Mask of the last prune: 1 = kept.', optional: true },
      reference: {
        summary: "The reference super weights' detection, for force: reference and protect: reference.",
        optional: true,
      },
      detected: { summary: 'The detection on these weights, for protect: detected.', optional: true },
    },
    forms: { 'masked-weights': () => import('./bodies/masked-weights.ts') },
    outputs: {
      weights: {
        summary: 'The weights with every pruned one exactly 0.',
        file: 'weights.safetensors',
        evictable: true,
        virtual: true,
      },
      mask: {
        summary: '1 = kept, 0 = pruned, a bit for every weight of every prunable tensor.',
        file: 'mask.safetensors',
      },
      pruning: { summary: 'Counts, sparsity and thresholds, per tensor.', file: 'pruning.json' },
    },

    problems: pruningProblems,
    // By magnitude nothing is drawn: ties go by place, and what is forced or protected is named.
    inKey: ({ criterion }): JsonObject => (criterion === 'magnitude' ? { seed: null } : {}),
    fingerprint: ({ model }) => tensorsFingerprint(model, ['shape', 'role', 'kind']),
    memory: pruningMemory,
    disk: pruningDisk,
    replaceable: {
      inputs: ['weights', 'mask'],
      check: async (job) => (await import('./bodies/check-pruning.ts')).default(job),
    },
    body: () => import('./bodies/prune.ts'),
  }),
);
