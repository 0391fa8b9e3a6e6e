/**
 * train: one round of training under the mask in force.
 *
 * The batch is a pure function of (stream, seed, cumulative training step of the run), so round 2 continues round 1's
 * stream and arms stay paired whatever their names. The stream is another than the one that the checkpoints were
 * pretrained on. The optimizer's moments start from zero (`optimizerState: reset`) or are kept and masked, since a
 * stale moment would revive a pruned weight. The mask invariant is checked after the last training step. A recovery arm
 * releases the mask: its pruned weights start from zero, nothing holds them there, and no mask may be connected.
 *
 * Trainings that differ in how many training steps they take alone are one training with several stops, unless their
 * schedule depends on where it ends. It goes on from the weights, the moments and the curve of an earlier stop or of a
 * checkpoint, to the same bits.
 */
import schema from '../schemas/stages/train.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { TrainParams } from '../src/generated/train.ts';
import { graphFingerprint } from '../src/model/graph-fingerprint.ts';
import { fittingTraining, trainingDisk, trainingMemory, trainingWork } from '../src/science/stage-work.ts';
import { trainingShape } from '../src/model/training-shape.ts';
import { trainingProblems } from '../src/science/param-problems.ts';
import { onModel } from '../src/model/model-stage.ts';

export default defineStage(
  onModel<Required<TrainParams>>({
    name: 'train',
    summary: 'Trains the weights for a number of steps under the mask in force.',
    params: schema,
    inputs: {
      weights: { summary: 'Weights to start from.', virtual: true },
      tokens: {
        summary: 'The token ids of a text; without them, the language that the model is made for.',
        optional: true,
      },
      mask: { summary: 'Mask of the last prune, for mask: hold; 1 = kept.', optional: true },
      position: { summary: "The run's cumulative step so far: where the data stream goes on.", optional: true },
      optimizer: { summary: 'Moments of the last round, for optimizerState: keep.', optional: true },
    },
    outputs: {
      weights: {
        summary: 'Weights after the last step; pruned ones are exactly 0.',
        file: 'weights.safetensors',
        evictable: true,
      },
      optimizer: {
        summary: 'AdamW moments after the last step.',
        file: 'optimizer.safetensors',
        evictable: true,
        virtual: true,
        resuming: true,
      },
      position: { summary: "The run's cumulative step after the last step.", file: 'position.json' },
      curve: { summary: 'Loss curve: means over curveEvery steps.', file: 'curve.json' },
    },

    resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
    watches: ({ engine }) => enginePackageFiles(engine),

    problems: trainingProblems,
    fingerprint: async (params) => graphFingerprint('training', params.model, trainingShape(params), params),

    trajectory({ schedule, steps, warmupSteps }) {
      const dependsOnLength = schedule === 'warmup-constant' ? steps < warmupSteps : schedule !== 'constant';
      return { length: 'steps', state: ['weights', 'optimizer', 'curve'], dependsOnLength };
    },

    work: trainingWork,
    memory: (params) => trainingMemory(params),
    fitting: fittingTraining,
    disk: trainingDisk,
    body: () => import('./bodies/train.ts'),
  }),
);
