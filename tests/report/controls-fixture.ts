/**
 * The made-up study of study-fixture.ts with its controls: every kind of outcome that a comparison, a mask, a sweet
 * spot or an emergence can have. Six seeds where a test is to reach 0.05, an arm whose treatment never acted, arms of
 * disjoint seeds, masks that are random, released or shuffled, and super weights that emerge late or never.
 */
import type { ComparisonDeclaration, StudyDeclaration } from '../../src/generated/aggregate.ts';
import type { Results } from '../../src/generated/results.ts';
import type { Masks } from '../../src/model/language-model.ts';
import { tensorsIfKnown } from '../../src/model/model-fingerprint.ts';
import { maskFindings, type MaskPiece } from '../../src/science/results/mask-findings.ts';
import type { StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { studyTensors, withKinds } from '../../src/science/results/study-tensors.ts';
import { ARMS, fixturePieces, fixtureStudy, noiseOf, repeat, type FixtureArm } from './study-fixture.ts';

const SIX = [0, 1, 2, 3, 4, 5];

export const CONTROL_ARMS: FixtureArm[] = [
  ...ARMS,
  { id: 'G1', description: 'Six seeds, 15 % a round.', steps: repeat(60, 6), fractions: repeat(0.15, 5), seeds: SIX },
  {
    id: 'G1-random',
    description: 'As many weights, at random.',
    steps: repeat(60, 6),
    fractions: repeat(0.15, 5),
    seeds: SIX,
    shift: 0.05,
    loses: SIX,
    params: { prune: { criterion: 'random' } },
  },
  {
    id: 'G1-protect',
    description: 'Protected, where nothing needed protection.',
    steps: repeat(60, 6),
    fractions: repeat(0.15, 5),
    seeds: SIX,
    twinOf: 'G1',
    params: { prune: { protect: 'reference' } },
  },
  {
    id: 'G1-released',
    description: 'Masks are not enforced in training.',
    steps: repeat(60, 6),
    fractions: repeat(0.15, 5),
    seeds: SIX,
    shift: 0.0004,
    params: { train: { mask: 'release' } },
  },
  {
    id: 'G1-shuffled',
    description: 'The mask is shuffled within each tensor.',
    steps: repeat(60, 6),
    fractions: repeat(0.15, 5),
    seeds: SIX,
    shift: 0.09,
    loses: [0, 1, 3, 5],
    params: { rewind: { to: 'none', mask: 'shuffle' } },
  },
  {
    id: 'A1-later',
    description: 'A1 with other seeds.',
    steps: repeat(60, 6),
    fractions: repeat(0.1, 5),
    seeds: [3, 4, 5],
    loses: [3, 4, 5],
  },
  {
    id: 'ladder-unpruned',
    description: 'The ladder without pruning.',
    role: 'positive-control',
    steps: repeat(40, 16),
    fractions: repeat(0, 15),
  },
  {
    id: 'emerge-xavier',
    description: 'Trained from Xavier, detected along the way.',
    role: 'emergence',
    scheme: 'xavier',
    steps: repeat(400, 8),
    fractions: repeat(0, 7),
    holds: [0, 2],
    emergesAfter: 4,
  },
  {
    id: 'emerge-kaiming',
    description: 'Trained from Kaiming, detected along the way.',
    role: 'emergence',
    scheme: 'kaiming',
    steps: repeat(400, 8),
    fractions: repeat(0, 7),
    holds: [],
    emergesAfter: 0,
  },
];

const COMPARISONS: (Omit<ComparisonDeclaration, 'family' | 'accept'> & { family?: string })[] = [
  {
    name: 'init',
    question: 'How does the initialisation change survival?',
    topic: 'initialisation',
    arms: ['B1', 'C1', 'E1'],
    varies: ['init.scheme'],
    metrics: ['loss', 'kept'],
  },
  {
    name: 'budget',
    question: 'How does the retraining budget change survival?',
    topic: 'budget',
    arms: ['A1', 'B1'],
    varies: ['train.steps'],
    metrics: ['loss'],
  },
  {
    name: 'random',
    question: 'Does it matter which weights are pruned?',
    topic: 'survival',
    arms: ['G1', 'G1-random'],
    varies: ['prune.criterion'],
    metrics: ['loss', 'kept', 'functional', 'redetected'],
  },
  {
    name: 'protection',
    question: 'Does protection help?',
    topic: 'quality',
    arms: ['G1', 'G1-protect'],
    varies: ['prune.protect'],
    metrics: ['loss', 'kept'],
  },
  {
    name: 'which',
    question: 'Does it matter to quality which weights are pruned?',
    topic: 'quality',
    family: 'primary',
    arms: ['G1', 'G1-random'],
    varies: ['prune.criterion'],
    metrics: ['loss'],
  },
  {
    name: 'recovery',
    question: 'Does a mask that is not enforced help?',
    topic: 'quality',
    family: 'released masks',
    arms: ['G1', 'G1-released'],
    varies: ['train.mask'],
    metrics: ['loss'],
  },
  {
    name: 'shuffled',
    question: 'Is it the place that matters?',
    topic: 'survival',
    arms: ['G1', 'G1-shuffled'],
    varies: ['rewind.mask'],
    metrics: ['kept'],
  },
  {
    name: 'later',
    question: 'Do other seeds fare differently?',
    topic: 'variance',
    arms: ['A1', 'A1-later'],
    varies: ['seeds'],
    metrics: ['loss', 'kept'],
  },
  {
    name: 'gradual',
    question: 'Does a gradual schedule help?',
    topic: 'schedule',
    arms: ['B1', 'D1'],
    varies: ['prune.fraction', 'rounds'],
    metrics: ['loss', 'functional'],
  },
];

export function controlsStudy(arms: FixtureArm[] = CONTROL_ARMS): StudyDeclaration {
  return {
    ...fixtureStudy(arms),
    comparisons: COMPARISONS.map((comparison) => ({
      ...comparison,
      family: comparison.family ?? comparison.topic,
      accept: (comparison.name === 'later' ? { 'unpaired-seeds': 'The seeds are what is compared.' } : {}) as Record<
        string,
        string
      >,
    })),
  };
}

export function controlsPieces(arms: FixtureArm[] = CONTROL_ARMS): StudyPieces {
  return fixturePieces(arms);
}

/** A mask for every prune, and one for every shuffle. What was not pruned for want of a predecessor has none. */
export function controlsMasks(pieces: StudyPieces = controlsPieces()): MaskPiece[] {
  return pieces.prunings.flatMap(({ label, key, content }): MaskPiece[] => {
    const arm = CONTROL_ARMS.find(({ id }) => id === label.experiment)!;
    const read = (scores: string[]) => content && (() => Promise.resolve(masksOf(1 - content.sparsity, scores)));
    const common = ['weights', `${arm.scheme ?? 'pretrained'} ${label.seed}`];
    const own = arm.params?.['train']?.['mask'] === 'release' ? [...common, `round ${label.round}`] : common;
    const random = `${arm.id} ${label.seed}`;
    const shuffled = arm.params?.['rewind'] !== undefined;
    // A prune goes on from the mask in force: the shuffled one of the round before.
    const sources = shuffled
      ? [`${random} ${label.round - 1}`]
      : arm.params?.['prune']?.['criterion'] === 'random'
        ? [random]
        : own;
    const piece = { label, artifact: 'mask', key, content: read(sources) };
    return shuffled
      ? [
          piece,
          {
            ...piece,
            label: { ...label, step: 'rewind' },
            content: read([`${random} ${label.round}`]),
          },
        ]
      : [piece];
  });
}

/** The whole results, masks included. */
export async function controlsResults(arms: FixtureArm[] = CONTROL_ARMS): Promise<Results> {
  const study = controlsStudy(arms);
  const pieces = controlsPieces(arms);
  const tensors = await studyTensors(study, tensorsIfKnown);
  return studyResults(
    study,
    { ...pieces, superWeights: withKinds(pieces.superWeights, tensors) },
    await maskFindings(study, controlsMasks(pieces), studyComputations(study, pieces), tensors),
  );
}

/**
 * Keeps the positions of highest score, summed over several sources: what two masks have in common makes them agree.
 */
function masksOf(kept: number, sources: string[]): Masks {
  const kinds = ['self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.down_proj'];
  return new Map(
    kinds.map((kind) => {
      const tensor = `model.layers.0.${kind}.weight`;
      const noises = sources.map((source) => noiseOf(`${source} ${tensor}`));
      const scores = Array.from({ length: 256 }, () => noises.reduce((sum, noise) => sum + noise(), 0));
      const lowest = [...scores].sort((a, b) => b - a)[Math.round(256 * kept) - 1] ?? Infinity;
      return [tensor, { shape: [16, 16], data: Uint8Array.from(scores, (score) => (score >= lowest ? 1 : 0)) }];
    }),
  );
}
