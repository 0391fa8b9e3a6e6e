/**
 * train: one round of training under the mask in force.
 *
 * The batch is a pure function of (stream, seed, cumulative step of the run), so round 2 continues round 1's stream and
 * arms stay paired whatever their names. The stream is another than the one that the checkpoints were pretrained on. The
 * optimizer's moments start from zero (`optimizerState: reset`) or are kept and masked, since a stale moment would revive
 * a pruned weight. The mask invariant is checked after the last step.
 */
import { readFile, writeFile } from 'node:fs/promises';
import schema from '../schemas/stages/train.schema.json' with { type: 'json' };
import { defineStage, type StageJob } from '../src/engine/stage.ts';
import type { LossCurve } from '../src/generated/curve.ts';
import type { TrainParams } from '../src/generated/train.ts';

export default defineStage<Required<TrainParams>>({
  name: 'train',
  summary: 'Trains the weights for a number of steps under the mask in force.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to start from.' },
    mask: { summary: 'Mask of the last prune: 1 = kept.', optional: true },
    position: { summary: "The run's cumulative step so far: where the data stream goes on.", optional: true },
    optimizer: { summary: 'Moments of the last round, for optimizerState: keep.', optional: true },
  },
  outputs: {
    weights: { summary: 'Weights after the last step; pruned ones are exactly 0.', file: 'weights.safetensors' },
    optimizer: { summary: 'AdamW moments after the last step.', file: 'optimizer.safetensors' },
    position: { summary: "The run's cumulative step after the last step.", file: 'position.json' },
    curve: { summary: 'Loss curve: means over curveEvery steps.', file: 'curve.json' },
  },

  async fingerprint({ model, batchSize, sequenceLength, engine }) {
    const { graphFingerprint } = await import('../src/model/graph-fingerprint.ts');
    return graphFingerprint('training', model, { batch: batchSize, sequence: sequenceLength }, { engine });
  },

  async run(job) {
    const { openTrainingSession } = await import('../src/model/training-session.ts');
    const { learningRateAt } = await import('../src/compute/training/learning-rate.ts');
    const { params } = job;
    const session = await openTrainingSession(params.model, { batch: params.batchSize, sequence: params.sequenceLength }, params);
    await session.load({
      weights: job.input('weights'),
      mask: job.optionalInput('mask'),
      optimizer: params.optimizerState === 'keep' ? job.optionalInput('optimizer') : undefined,
    });
    const firstStep = await readPosition(job);

    const points: LossCurve['points'] = [];
    let sums = { loss: 0, gradientNorm: 0, steps: 0 };
    for (let step = 0; step < params.steps; step++) {
      job.signal.throwIfAborted();
      const learningRate = learningRateAt(step, params);
      const { loss, gradientNorm } = await session.step(params, firstStep + step, learningRate);
      if (!Number.isFinite(loss))
        throw new Error(`The loss became ${loss} at step ${firstStep + step + 1}; a lower train.learningRate or a longer warm-up may help.`);
      sums = { loss: sums.loss + loss, gradientNorm: sums.gradientNorm + gradientNorm, steps: sums.steps + 1 };
      if (sums.steps === params.curveEvery || step === params.steps - 1) {
        points.push({
          step: firstStep + step + 1,
          loss: sums.loss / sums.steps,
          learningRate,
          gradientNorm: sums.gradientNorm / sums.steps,
        });
        sums = { loss: 0, gradientNorm: 0, steps: 0 };
      }
      job.progress({ done: step + 1, total: params.steps, values: { loss } });
    }
    session.assertMaskHolds();

    const finalLoss = points.at(-1)?.loss ?? null;
    const curve: LossCurve = { steps: params.steps, firstStep, finalLoss, points };
    await session.save({ weights: job.output('weights'), optimizer: job.output('optimizer') });
    await writeFile(job.output('position'), `${JSON.stringify({ step: firstStep + params.steps })}\n`);
    await writeFile(job.output('curve'), `${JSON.stringify(curve)}\n`);
    return { finalLoss, steps: params.steps, cumulativeStep: firstStep + params.steps };
  },
});

async function readPosition(job: StageJob<unknown>): Promise<number> {
  const path = job.optionalInput('position');
  if (path === undefined) return 0;
  const { step } = JSON.parse(await readFile(path, 'utf8')) as { step: number };
  return step;
}
