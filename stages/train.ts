/**
 * train: one round of training under the mask in force.
 *
 * The batch is a pure function of (stream, seed, cumulative step of the run), so round 2 continues round 1's stream and
 * arms stay paired whatever their names. The stream is another than the one that the checkpoints were pretrained on.
 * The optimizer's moments start from zero (`optimizerState: reset`) or are kept and masked, since a stale moment would
 * revive a pruned weight. The mask invariant is checked after the last step. A recovery arm releases the mask: its
 * pruned weights start from zero, nothing holds them there, and no mask may be connected.
 *
 * Trainings that differ in their number of steps alone are one training with several stops, unless their schedule
 * depends on where it ends. It goes on from the weights, the moments and the curve of an earlier stop or of a
 * checkpoint, to the same bits.
 */
import { readFile, writeFile } from 'node:fs/promises';
import schema from '../schemas/stages/train.schema.json' with { type: 'json' };
import type { TransferStatistics } from '../src/compute/training/step-trainer.ts';
import { SwpError } from '../src/base/failure.ts';
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage, type StageJob } from '../src/engine/stage.ts';
import { learningRateAt } from '../src/compute/training/learning-rate.ts';
import { configPath } from '../src/model/model-config.ts';
import type { TrainingSession } from '../src/model/training-session.ts';
import { CurveRecorder } from '../src/science/loss-curve.ts';
import type { TrainParams } from '../src/generated/train.ts';

export default defineStage<Required<TrainParams>>({
  name: 'train',
  summary: 'Trains the weights for a number of steps under the mask in force.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to start from.' },
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
    optimizer: { summary: 'AdamW moments after the last step.', file: 'optimizer.safetensors', evictable: true },
    position: { summary: "The run's cumulative step after the last step.", file: 'position.json' },
    curve: { summary: 'Loss curve: means over curveEvery steps.', file: 'curve.json' },
  },

  resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
  watches: ({ model, engine }) => [configPath(model), ...enginePackageFiles(engine)],

  async fingerprint(params) {
    const { graphFingerprint } = await import('../src/model/graph-fingerprint.ts');
    return graphFingerprint('training', params.model, trainingShape(params), params);
  },

  trajectory({ schedule, steps, warmupSteps }) {
    const dependsOnLength = schedule === 'warmup-constant' ? steps < warmupSteps : schedule !== 'constant';
    return { length: 'steps', state: ['weights', 'optimizer', 'curve'], dependsOnLength };
  },

  async work(params) {
    const { trainingWork } = await import('../src/model/stage-work.ts');
    return trainingWork(params);
  },

  async run(job) {
    const { openTrainingSession } = await import('../src/model/training-session.ts');
    const { params } = job;
    refuseContradiction(job);
    const session = await openTrainingSession(params.model, trainingShape(params), params);
    await load(session, job);
    const firstStep = await readPosition(job);
    const curve = job.resume
      ? await CurveRecorder.continue(job.resume.state('curve'), params.curveEvery)
      : new CurveRecorder(firstStep, params.curveEvery);
    const save = async (path: (name: string) => string) => {
      await session.save({ weights: path('weights'), optimizer: path('optimizer') });
      await writeFile(path('curve'), `${JSON.stringify(curve.curve())}\n`);
    };

    for (let done = job.resume?.at ?? 0; done < params.steps;) {
      await job.checkpoint(done, save);
      job.signal.throwIfAborted();
      const count = Math.min(session.stepsPerCall, params.steps - done);
      const learningRates = Array.from({ length: count }, (_, index) => learningRateAt(done + index, params));
      const results = await session.steps(params, firstStep + done, learningRates);
      for (const [index, { loss, gradientNorm }] of results.entries()) {
        done += 1;
        if (!Number.isFinite(loss))
          throw new Error(
            `The loss became ${loss} at step ${firstStep + done}; a lower train.learningRate or a longer warm-up may help.`,
          );
        curve.add({ loss, gradientNorm, learningRate: learningRates[index]! });
      }
      job.progress({ done, total: params.steps, values: { loss: results.at(-1)!.loss } });
    }
    session.assertMaskHolds();

    await save((name) => job.output(name));
    await writeFile(job.output('position'), `${JSON.stringify({ step: firstStep + params.steps })}\n`);
    return {
      finalLoss: curve.curve().finalLoss,
      steps: params.steps,
      cumulativeStep: firstStep + params.steps,
      ...transferMetrics(session.transfers(), job),
    };
  },
});

/** The state to start from: that of an earlier stop or checkpoint of this trajectory, or the inputs. */
function load(session: TrainingSession, job: StageJob<Required<TrainParams>>): Promise<void> {
  const mask = job.optionalInput('mask');
  if (job.resume)
    return session.load({ weights: job.resume.state('weights'), mask, optimizer: job.resume.state('optimizer') });
  return session.load({
    weights: job.input('weights'),
    mask,
    optimizer: job.params.optimizerState === 'keep' ? job.optionalInput('optimizer') : undefined,
  });
}

/**
 * A released mask that is connected all the same would be taken for one that holds. @throws SwpError of kind `usage`
 */
function refuseContradiction(job: StageJob<Required<TrainParams>>): void {
  if (job.params.mask === 'release' && job.optionalInput('mask') !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: 'train.mask is "release", but the input `mask` is connected.',
      expected:
        'no mask, as in "mask": { "when": { "train.mask": "hold" }, "use": "prune.mask" }; or train.mask: "hold"',
    });
}

/** @throws SwpError of kind `usage` if the micro-batches do not make up the batch */
function trainingShape({
  batchSize,
  sequenceLength,
  microBatchSize,
}: Pick<Required<TrainParams>, 'batchSize' | 'sequenceLength' | 'microBatchSize'>) {
  const microBatches = microBatchSize === 0 ? 1 : batchSize / microBatchSize;
  if (!Number.isInteger(microBatches))
    throw new SwpError({
      kind: 'usage',
      message: `train.microBatchSize is ${microBatchSize}, which does not divide train.batchSize, ${batchSize}.`,
      expected: 'a divisor of it, or 0 for the whole batch at once',
    });
  return { batch: batchSize, sequence: sequenceLength, microBatches };
}

/** Where the state travels to a device and back, what that costs; nothing elsewhere. */
function transferMetrics(
  transfers: TransferStatistics | undefined,
  job: StageJob<unknown>,
): { transferShare?: number } {
  if (transfers === undefined || transfers.totalMilliseconds === 0) return {};
  const { bytesPerCall, transferMilliseconds, totalMilliseconds } = transfers;
  const transferShare = Number((transferMilliseconds / totalMilliseconds).toFixed(4));
  job.log(
    `Transfers: ${(bytesPerCall / 1e6).toFixed(1)} MB per call, ${(100 * transferShare).toFixed(1)} % of ${(totalMilliseconds / 1000).toFixed(1)} s.`,
  );
  return { transferShare };
}

async function readPosition(job: StageJob<unknown>): Promise<number> {
  const path = job.optionalInput('position');
  if (path === undefined) return 0;
  const { step } = JSON.parse(await readFile(path, 'utf8')) as { step: number };
  return step;
}
