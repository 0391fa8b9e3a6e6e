/**
 * rewind: after a prune, the weights that are kept go back to earlier values or to fresh ones, or their mask is
 * shuffled: the controls that tell what of a result is in the mask, what in the weights, and what only in how many are
 * left.
 *
 * A shuffled mask is drawn anew in each round from as many kept weights per tensor. It may keep weights that the prune
 * made zero; unless other values are taken up, those start from zero.
 */
import schema from '../schemas/stages/rewind.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { RewindParams } from '../src/generated/rewind.ts';
import { initialisationFingerprint } from '../src/model/model-fingerprint.ts';
import { rewindingProblems } from '../src/science/param-problems.ts';
import { onModel } from '../src/model/model-stage.ts';
import { rewindingDisk, rewindingMemory } from '../src/science/weights-work.ts';

export default defineStage(
  onModel<Required<RewindParams>>({
    name: 'rewind',
    summary: 'Takes the kept weights back to earlier values, or shuffles which are kept.',
    params: schema,
    inputs: {
      mask: { summary: 'Mask of the prune: 1 = kept.' },
      weights: { summary: 'The pruned weights, for to: none.', optional: true, virtual: true },
      init: { summary: 'The weights that the run started from, for to: init.', optional: true, virtual: true },
      point: {
        summary: 'Weights of an early point of the first training, for to: step.',
        optional: true,
        virtual: true,
      },
      pretrained: { summary: 'The loaded checkpoint, for to: pretrained.', optional: true, virtual: true },
    },
    forms: { 'masked-weights': () => import('./bodies/masked-weights.ts') },
    outputs: {
      weights: {
        summary: 'Weights to go on from; pruned ones are exactly 0.',
        file: 'weights.safetensors',
        evictable: true,
        virtual: true,
      },
      mask: { summary: '1 = kept, 0 = pruned, a bit per weight.', file: 'mask.safetensors' },
    },

    problems: rewindingProblems,
    fingerprint: ({ model }) => initialisationFingerprint(model),
    memory: rewindingMemory,
    disk: rewindingDisk,
    body: () => import('./bodies/rewind.ts'),
  }),
);
