/**
 * A plausible study, made up: nine experiments with three seeds each, shaped like the pilot. It holds every outcome
 * that a report must show: a run that failed half-way, an arm in which nothing emerged, one in which something emerged
 * in two of three runs, a ladder to 96 % sparsity, a super weight that moves, and one that is pruned by force.
 */
import { createHash } from 'node:crypto';
import type { NodeLabel } from '../../src/engine/stage.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../../src/generated/aggregate.ts';
import type { Coordinate } from '../../src/generated/super-weights.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { detection, EFFECTS, evaluation, FLOOR, pruning, superWeightOf } from './fixture-artifacts.ts';

export { FLOOR };

export interface FixtureArm {
  id: string;
  description: string;
  role?: string;
  scheme?: string;
  scaleSteps?: number;
  steps: number[];
  fractions: number[];
  force?: boolean;
  /** Seeds in which a super weight is there to be followed. */
  holds?: number[];
  seeds?: number[];
  /** Another arm, of whose nodes it shares every one. */
  twinOf?: string;
  /** Added to the loss after each retraining, in nats. */
  shift?: number;
  /** Seeds whose super weight the first prune takes. */
  loses?: number[];
  /** Rounds before any super weight is there. */
  emergesAfter?: number;
  /** Parameters by stage, above those that every arm has. */
  params?: Record<string, Record<string, unknown>>;
}

export const repeat = (value: number, times: number) => Array.from({ length: times }, () => value);

export const ARMS: FixtureArm[] = [
  { id: 'A1', description: 'Short retraining, 10 % a round.', steps: repeat(60, 6), fractions: repeat(0.1, 5) },
  { id: 'B1', description: 'Longer retraining, 10 % a round.', steps: repeat(200, 6), fractions: repeat(0.1, 5) },
  {
    id: 'C1',
    description: 'Xavier, with a long first training.',
    scheme: 'xavier',
    scaleSteps: 1,
    steps: [3500, ...repeat(200, 5)],
    fractions: repeat(0.1, 5),
    holds: [0, 1],
  },
  {
    id: 'E1',
    description: 'Kaiming, short first training.',
    scheme: 'kaiming',
    steps: repeat(200, 6),
    fractions: repeat(0.1, 5),
    holds: [],
  },
  { id: 'D1', description: 'Gradual: 5, 10, 15, 20 %.', steps: repeat(200, 5), fractions: [0.05, 0.1, 0.15, 0.2] },
  {
    id: 'ladder',
    description: 'Pruned until perplexity rises: 20 % x 15 rounds.',
    steps: repeat(40, 16),
    fractions: repeat(0.2, 15),
  },
  {
    id: 'unpruned',
    description: 'Same training, no pruning.',
    role: 'positive-control',
    steps: repeat(60, 6),
    fractions: repeat(0, 5),
  },
  { id: 'at-once', description: '90 % pruned at once.', role: 'negative-control', steps: [60, 60], fractions: [0.9] },
  {
    id: 'forced',
    description: 'The super weight alone is pruned.',
    steps: repeat(60, 6),
    fractions: [0, 0, 0, 0, 0],
    force: true,
  },
];

export function fixtureStudy(arms: FixtureArm[] = ARMS): StudyDeclaration {
  const experiments: ExperimentDeclaration[] = arms.map(
    ({ id, description, role, scheme, scaleSteps, seeds, steps, fractions, force, params }) => ({
      id,
      description,
      model: 'marker-retrieval',
      ...(role === undefined ? {} : { role }),
      seeds: seeds ?? [0, 1, 2],
      rounds: fractions.length,
      finalTrain: true,
      scaleSteps: scaleSteps ?? 0.02,
      byRound: [
        ...(new Set(steps).size === 1 ? [] : ['train.steps']),
        ...(new Set(fractions).size === 1 ? [] : ['prune.fraction']),
      ],
      params: {
        'load-pretrained': { model: 'marker-retrieval' },
        init: { model: 'marker-retrieval', scheme: scheme ?? 'pretrained' },
        train: {
          steps: new Set(steps).size === 1 ? steps[0]! : steps,
          learningRate: 0.002,
          schedule: 'warmup-constant',
          warmupSteps: 2,
          batchSize: 16,
          sequenceLength: 64,
          weightDecay: 0.1,
          clipNorm: 1,
          beta1: 0.9,
          beta2: 0.95,
          optimizerState: 'reset',
          stream: 'retrain-data',
          floor: 0.1,
          ...params?.['train'],
        },
        prune: {
          criterion: 'magnitude',
          protect: 'none',
          scope: 'global',
          fraction: new Set(fractions).size === 1 ? fractions[0]! : fractions,
          of: 'remaining',
          prunable: ['model.layers.*_proj.weight'],
          force: force ? 'reference' : 'none',
          ...params?.['prune'],
        },
        ...(params?.['rewind'] && { rewind: params['rewind'] }),
        'detect-sw': {
          candidateSequences: 16,
          causalSequences: 64,
          sequenceLength: 64,
          spikeRatio: 4,
          minimumEffect: 0.1,
          controlFactor: 5,
          controlsPerKind: 4,
          maximumTwins: 2,
          rescans: 2,
          seed: 20241,
          ...params?.['detect-sw'],
        },
        eval: { sequences: 2048, sequenceLength: 64, seed: 20241, ...params?.['eval'] },
      },
    }),
  );
  return {
    name: 'super-weights-under-pruning',
    description: 'When do super weights survive iterative magnitude pruning?',
    profile: { name: 'pilot', description: 'Within five minutes on two cores.', scaleSteps: 0.02 },
    steps: {
      'detect-start': { stage: 'detect-sw', measures: 'start', gatheredAs: ['superWeights'] },
      'eval-start': { stage: 'eval', measures: 'start', gatheredAs: ['evaluations'] },
      train: { stage: 'train', gatheredAs: ['curves'] },
      'detect-trained': { stage: 'detect-sw', measures: 'trained', gatheredAs: ['superWeights'] },
      'eval-trained': { stage: 'eval', measures: 'trained', gatheredAs: ['evaluations'] },
      prune: { stage: 'prune', gatheredAs: ['prunings', 'masks'] },
      rewind: { stage: 'rewind', gatheredAs: ['masks'] },
      'detect-pruned': { stage: 'detect-sw', measures: 'pruned', gatheredAs: ['superWeights'] },
      'eval-pruned': { stage: 'eval', measures: 'pruned', gatheredAs: ['evaluations'] },
    },
    experiments,
    comparisons: [
      {
        name: 'init',
        question: 'How does the initialisation change survival?',
        topic: 'initialisation',
        arms: ['B1', 'C1', 'E1'],
        varies: ['init.scheme'],
        family: 'initialisation',
        metrics: ['loss', 'kept'],
        accept: {},
      },
      {
        name: 'budget',
        question: 'How does the retraining budget change survival?',
        topic: 'budget',
        arms: ['A1', 'B1'],
        varies: ['train.steps'],
        family: 'budget',
        metrics: ['loss'],
        accept: {},
      },
    ],
    analysis: { alpha: 0.05, confidence: 0.95, tolerance: 0.01 },
  };
}

/** Everything that the study's nodes would have left; D1 with seed 2 fails at the prune of round 3. */
export function fixturePieces(arms: FixtureArm[] = ARMS): StudyPieces {
  const pieces: StudyPieces = { curves: [], prunings: [], evaluations: [], superWeights: [] };
  for (const arm of arms) for (const seed of arm.seeds ?? [0, 1, 2]) addRun(pieces, arm, seed);
  return pieces;
}

function addRun(pieces: StudyPieces, arm: FixtureArm, seed: number): void {
  const nodes = arm.twinOf ?? arm.id;
  const pretrained = (arm.scheme ?? 'pretrained') === 'pretrained';
  const holds = arm.holds?.includes(seed) ?? true;
  const startNoise = noiseOf(`${arm.scheme ?? 'pretrained'} ${seed}`); // starting models are shared between arms
  const ownNoise = noiseOf(`${nodes} ${seed}`);
  const failsAfter = arm.id === 'D1' && seed === 2 ? 3 : Infinity;
  let reference: Coordinate | undefined;
  let failed = false;
  let kept = 1;
  let step = 0;
  let pruned = false;
  const put = <Content>(
    list: Piece<Content>[],
    artifact: string,
    label: NodeLabel,
    content: Content,
    shared?: string,
  ) =>
    list.push({
      label,
      artifact,
      key: keyOf(shared ?? `${nodes} ${seed} ${label.round} ${label.step}`),
      ...(failed ? {} : { content }),
    });
  const at = (round: number, name: string): NodeLabel => ({ experiment: arm.id, seed, round, step: name });

  const measure = (round: number, phase: 'start' | 'trained' | 'pruned', excess: number) => {
    const noise = phase === 'start' ? startNoise : ownNoise;
    const trainedEnough = (pretrained || phase !== 'start') && round > (arm.emergesAfter ?? -1);
    const lost = pruned && (arm.loses ?? []).includes(seed);
    const loss = FLOOR + excess;
    const shared = phase === 'start' ? `${arm.scheme ?? 'pretrained'} ${seed}` : undefined;
    put(
      pieces.evaluations,
      'evaluation',
      at(round, `eval-${phase}`),
      evaluation(loss, pruned || kept < 1 ? 1 - kept : 0),
      shared && `eval ${shared}`,
    );
    const found =
      holds && trainedEnough && !(pruned && arm.force) && !lost
        ? { ...superWeightOf(seed), value: superWeightOf(seed).value * (0.55 + 0.45 * kept) }
        : undefined;
    const moved = arm.id === 'ladder' && seed === 1 && kept < 0.1 ? { ...found!, row: 7, col: 61 } : undefined;
    const definesReference = pretrained ? phase === 'start' : round === 1 && phase === 'trained';
    const report = detection({
      found: moved ?? found,
      lost,
      emerging: arm.emergesAfter === undefined ? undefined : 0.012 * round,
      reference: definesReference ? found : reference,
      loss,
      kept,
      noise,
      effect: (EFFECTS[seed % 3] ?? 1) * (pretrained ? 1 : 0.4),
      ablate: phase === 'start' && pretrained ? 30 : 0,
    });
    report.referenceStatus =
      reference === undefined && !definesReference && phase !== 'start'
        ? 'none-emerged'
        : reference === undefined
          ? 'self'
          : 'given';
    put(pieces.superWeights, 'superWeights', at(round, `detect-${phase}`), report, shared && `detect ${shared}`);
    if (definesReference) reference = found;
  };

  const start = pretrained ? 0.02 + 0.002 * startNoise() : 1.75 + 0.02 * startNoise();
  measure(0, 'start', start);
  const retrained = (s: number, long: number) =>
    (pretrained || arm.steps[0]! > 1000 ? 0.018 : 0.35 - 0.0002 * long) +
    0.004 * (s / (1 - s)) ** 1.45 +
    0.0015 * ownNoise() +
    (arm.shift ?? 0);
  let excess = start;
  arm.steps.forEach((steps, i) => {
    const round = i + 1;
    const after = retrained(1 - kept, step + steps);
    put(pieces.curves, 'curve', at(round, 'train'), {
      steps,
      firstStep: step,
      finalLoss: FLOOR + after,
      points: Array.from({ length: Math.ceil(steps / 10) }, (_, k) => ({
        step: step + Math.min(steps, (k + 1) * 10),
        loss: FLOOR + after + (excess - after) * Math.exp(-k / (steps > 1000 ? 25 : 1.5)) + 0.02 * ownNoise(),
        surprisal: FLOOR,
        learningRate: 0.002,
        gradientNorm: 0.5 + 0.1 * ownNoise(),
      })),
    });
    step += steps;
    measure(round, 'trained', after);
    const fraction = arm.fractions[i];
    if (fraction === undefined || (fraction === 0 && !arm.force)) return (excess = after);
    if (round >= failsAfter) failed = true;
    kept *= 1 - fraction;
    pruned = true;
    put(pieces.prunings, 'pruning', at(round, 'prune'), pruning(kept, fraction, arm.force === true));
    const damage = arm.force
      ? 1.1 * Math.exp(-round)
      : fraction > 0.5
        ? 1.6
        : 0.004 + 0.25 * fraction * (1 - kept) ** 6 * 4;
    excess = after + damage * (1 + 0.1 * ownNoise());
    measure(round, 'pruned', excess);
  });
}

function keyOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Deterministic noise in [-1, 1] (a linear congruential generator seeded by a hash: a fixture needs no better). */
export function noiseOf(name: string): () => number {
  let state = createHash('sha256').update(name).digest().readUInt32LE();
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
