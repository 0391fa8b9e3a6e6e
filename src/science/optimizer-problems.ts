/**
 * What is wrong with a training's numbers once they are float32, in which the optimizer computes
 * (src/compute/kernel/optimizer.ts): a decay that is 1, a rate or an epsilon that is 0. Subnormal numbers are zeros
 * there.
 */
import type { ParamProblem } from '../engine/stage.ts';
import type { TrainParams } from '../generated/train.ts';

/** The least number that is no zero in the optimizer. */
export const LEAST_FLOAT32 = 2 ** -126;
/** By how much the weight of the newest gradient, 1 - beta, may differ for beta's rounding to float32. */
const ROUNDING = 0.01;

type Params = Pick<
  Required<TrainParams>,
  | 'beta1'
  | 'beta2'
  | 'epsilon'
  | 'learningRate'
  | 'weightDecay'
  | 'clipNorm'
  | 'schedule'
  | 'steps'
  | 'warmupSteps'
  | 'floor'
>;

export function optimizerProblems(params: Params): ParamProblem[] {
  return [
    ...decayProblems(params, 'beta1'),
    ...decayProblems(params, 'beta2'),
    ...squareProblems(params),
    ...rateProblems(params),
    ...weightDecayProblems(params),
  ];
}

/** The kernel takes 1 - beta of the rounded beta, and the bias corrections are those of the declared one. */
function decayProblems(params: Params, param: 'beta1' | 'beta2'): ParamProblem[] {
  const beta = params[param];
  const [rest, rounded] = [1 - beta, 1 - Math.fround(beta)];
  if (Math.abs(rounded - rest) <= ROUNDING * rest && isNumber(beta)) return [];
  const became =
    rounded === 0
      ? 'is 1 in float32: the moment would stay 0'
      : isNumber(beta)
        ? `is 1 in float32, but for ${text(rounded)}: a gradient would count that in place of ${text(rest)}`
        : 'is 0 in float32';
  return [{ param, message: `train.${param} ${beta} ${became}`, expected: '0, or a number from 1.2e-38 to 0.999995' }];
}

/**
 * Where the square of a gradient is 0, so is the second moment, and only epsilon bounds the step: to about
 * learningRate if it is as large as such a gradient.
 */
function squareProblems({ beta2, epsilon, clipNorm }: Params): ParamProblem[] {
  const least = Math.sqrt(LEAST_FLOAT32 / Math.max(1 - Math.fround(beta2), Number.EPSILON));
  const expected = `at least ${text(least)}`;
  const problems: ParamProblem[] = [];
  if (epsilon < least)
    problems.push({
      param: 'epsilon',
      message:
        epsilon < LEAST_FLOAT32
          ? `train.epsilon ${epsilon} is 0 in float32: a weight without a gradient would become NaN`
          : `train.epsilon ${epsilon} is below gradients whose square is 0 in float32: they would move weights without a bound`,
      expected,
    });
  if (clipNorm > 0 && clipNorm < least)
    problems.push({
      param: 'clipNorm',
      message: `train.clipNorm ${clipNorm} makes gradients of which the square is 0 in float32`,
      expected: `0 for no clipping, or ${expected}`,
    });
  return problems;
}

function rateProblems({ learningRate, schedule, steps, warmupSteps, floor }: Params): ParamProblem[] {
  const expected = 'a number that is at least 1.2e-38 at every training step';
  const warmup = schedule === 'constant' ? 0 : Math.min(warmupSteps, steps);
  const first = learningRate / Math.max(1, warmup);
  if (!isNumber(first))
    return [
      {
        param: 'learningRate',
        message: `train.learningRate ${learningRate}${warmup > 1 ? `, ${text(first)} at the first step of the warm-up,` : ''} is 0 in float32`,
        expected,
      },
    ];
  const decays = schedule === 'warmup-cosine' || schedule === 'warmup-stable-decay';
  if (!decays || isNumber(learningRate * floor)) return [];
  return [
    {
      param: 'floor',
      message: `train.floor ${floor} of train.learningRate ${learningRate} is 0 in float32`,
      expected: '0, or more',
    },
  ];
}

/** A weight is multiplied by 1 - learningRate * weightDecay. */
function weightDecayProblems({ learningRate, weightDecay }: Params): ParamProblem[] {
  const decay = learningRate * weightDecay;
  if (weightDecay === 0 || Math.fround(1 - Math.fround(decay)) !== 1) return [];
  return [
    {
      param: 'weightDecay',
      message: `train.weightDecay ${weightDecay} times train.learningRate ${learningRate} is ${text(decay)}, and 1 minus that is 1 in float32: no weight would decay`,
      expected: '0 for no decay, or a product above 3e-8',
    },
  ];
}

/** Whether a number that is not negative is 0 in float32 only if it is 0. */
function isNumber(value: number): boolean {
  return value === 0 || value >= LEAST_FLOAT32;
}

function text(value: number): string {
  return String(Number(value.toPrecision(6)));
}
