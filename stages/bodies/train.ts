/** Runs train: takes the training steps in a session, keeps the curve and checkpoints. */
import { readFile, writeFile } from 'node:fs/promises';
import { SwpError } from '../../src/base/failure.ts';
import { refuseNonFinite } from '../../src/base/json-artifact.ts';
import { learningRateAt } from '../../src/compute/training/learning-rate.ts';
import type { TransferStatistics } from '../../src/compute/training/trainer.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { TrainParams } from '../../src/generated/train.ts';
import { useCorpus } from '../../src/model/corpora.ts';
import type { Corpus } from '../../src/model/corpus.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { useTrainingSession, type TrainingSession } from '../../src/model/training-session.ts';
import { trainingShape } from '../../src/model/training-shape.ts';
import { CurveRecorder } from '../../src/science/loss-curve.ts';
import { recomputes } from '../../src/science/stage-work.ts';

/** Of a training that has numbers which are not finite. */
const REMEDY =
  'The training has diverged, and nothing of it is kept: a lower train.learningRate, a longer train.warmupSteps or a lower train.clipNorm (0 does not clip) may help.';

export default async function train(job: StageJob<Required<TrainParams>>): Promise<Metrics> {
  const { params } = job;
  refuseContradiction(job);
  const shape = { ...trainingShape(params), recomputes: await recomputes(params) };
  if (shape.recomputes)
    job.log('What is inside of blocks is computed again in the backward pass: this machine lacks memory to hold it.');
  return useCorpus(await readModelConfig(params.model), job.optionalInput('tokens'), (corpus) =>
    useTrainingSession(params.model, shape, params, (session) => takeSteps(session, corpus, job)),
  );
}

async function takeSteps(
  session: TrainingSession,
  corpus: Corpus,
  job: StageJob<Required<TrainParams>>,
): Promise<Metrics> {
  const { params } = job;
  await load(session, job);
  const firstStep = await readPosition(job);
  const curve = job.resume
    ? await CurveRecorder.continue(job.resume.state('curve'), params.curveEvery)
    : new CurveRecorder(firstStep, params.curveEvery);
  const save = async (path: (name: string) => string, withoutMoments = false) => {
    await session.save({ weights: path('weights'), optimizer: path('optimizer') }, REMEDY, { withoutMoments });
    refuseNonFinite(curve.curve(), 'curve.json');
    await writeFile(path('curve'), `${JSON.stringify(curve.curve())}\n`);
  };

  for (let done = job.resume?.at ?? 0; done < params.steps;) {
    await job.checkpoint(done, (path) => save(path));
    job.signal.throwIfAborted();
    const count = Math.min(session.stepsPerCall, params.steps - done);
    const learningRates = Array.from({ length: count }, (_, index) => learningRateAt(done + index, params));
    const results = await session.steps({ ...params, corpus }, firstStep + done, learningRates);
    for (const [index, { loss, surprisal, gradientNorm }] of results.entries()) {
      done += 1;
      refuseDivergence('loss', loss, firstStep + done);
      refuseDivergence("gradient's norm", gradientNorm, firstStep + done);
      curve.add({ loss, surprisal, gradientNorm, learningRate: learningRates[index]! });
    }
    job.progress({ done, total: params.steps, unit: 'steps', values: { loss: results.at(-1)!.loss } });
  }
  session.assertMaskHolds();

  await save((name) => job.output(name), job.unwanted?.includes('optimizer') === true);
  await writeFile(job.output('position'), `${JSON.stringify({ step: firstStep + params.steps })}\n`);
  return {
    finalLoss: curve.curve().finalLoss,
    steps: params.steps,
    cumulativeStep: firstStep + params.steps,
    ...transferMetrics(session.transfers(), job),
  };
}

/** @throws SwpError of kind `not-finite` */
function refuseDivergence(what: string, value: number, step: number): void {
  if (Number.isFinite(value)) return;
  throw new SwpError({ kind: 'not-finite', message: `The ${what} became ${value} at step ${step}`, remedy: REMEDY });
}

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
