/**
 * What the masks of a study say: how much seeds agree, how much arms agree, and whether pruned positions come back.
 *
 * A study's masks may be larger than the memory, so they are read when their turn comes: those of one experiment's
 * seeds in one round at a time, packed to a bit per weight, beside the same seeds' masks of the round before.
 */
import { addTo, groupBy } from '../../base/groups.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { ArmMasks, MaskAgreement, MaskRecovery, PairOverlap, TensorOverlap } from '../../generated/results.ts';
import type { TensorTable } from '../../model/decoder/family.ts';
import type { Masks } from '../../model/language-model.ts';
import { isPruningStep } from '../study-declaration.ts';
import { spread } from '../statistics/spread.ts';
import type { Computations } from './computations.ts';
import { jaccard, overlapByTensor, together, type Overlap } from './mask-overlap.ts';
import { maskDigest, packMask, sameTensors, type PackedMask } from './packed-mask.ts';
import { copiedPairs, type ComputedPair } from './paired-difference.ts';
import type { Piece } from './study-pieces.ts';
import type { StudyTensors } from './study-tensors.ts';

/** A planned mask; `content` reads it. */
export type MaskPiece = Piece<() => Promise<Masks>>;

export interface MaskFindings {
  masks: MaskAgreement[];
  recovery: MaskRecovery[];
  /** Of every declared pair of arms that have masks of a common seed. */
  arms: (ArmMasks & { arm: string; baseline: string })[];
}

/** Of a study whose masks were not gathered. */
export const NO_MASKS: MaskFindings = { masks: [], recovery: [], arms: [] };

/**
 * @param pieces the masks that prunes and rewinds planned. A rewind of the same round comes after the prune, so
 *   that its mask is the one in force
 * @param computations what was measured under the masks: equal masks of one computation are one mask
 */
export async function maskFindings(
  study: StudyDeclaration,
  pieces: MaskPiece[],
  computations: Computations,
  tensors: StudyTensors = new Map(),
): Promise<MaskFindings> {
  const findings: MaskFindings = { masks: [], recovery: [], arms: [] };
  // Whatever else writes masks changes those of a prune.
  const isPrune: IsPrune = ({ label }) => isPruningStep(study, label.step);
  const ofExperiment = groupBy(pieces, ({ label }) => label.experiment);
  for (const experiment of study.experiments) {
    const own = groupBy(ofExperiment.get(experiment.id) ?? [], ({ label }) => label.round);
    const rounds = [...own.keys()].sort((a, b) => a - b);
    let before: Map<number, PackedMask | undefined> | undefined;
    for (const round of rounds) {
      const ofRound = own.get(round)!;
      const pruned = await masksBySeed(experiment, ofRound.filter(isPrune));
      if (before !== undefined)
        for (const recovery of recoveries(experiment, round, before, pruned)) findings.recovery.push(recovery);
      const inForce = ofRound.every(isPrune)
        ? pruned
        : await masksBySeed(
            experiment,
            ofRound.filter((piece) => !isPrune(piece)),
          );
      const identityOf = (seed: number, mask: PackedMask) =>
        maskIdentity(
          ofRound.findLast((piece) => piece.label.seed === seed),
          mask,
          computations,
        );
      findings.masks.push(agreement(experiment, round, inForce, { identityOf, facts: tensors.get(experiment.id) }));
      before = inForce;
    }
  }
  const experiments = new Map(study.experiments.map((experiment) => [experiment.id, experiment]));
  const ofRun = groupBy(pieces, ({ label }) => runOf(label.experiment, label.seed));
  const lastMask = (experiment: string, seed: number) =>
    lastOf(ofRun.get(runOf(experiment, seed)) ?? [], isPrune, computations);
  for (const { arms } of study.comparisons)
    for (const agreement of await armAgreements(
      arms.flatMap((id) => experiments.get(id) ?? []),
      lastMask,
    ))
      findings.arms.push(agreement);
  return findings;
}

function runOf(experiment: string, seed: number): string {
  return `${experiment}/${seed}`;
}

/** Whether a mask was written by a step that prunes. */
type IsPrune = (piece: MaskPiece) => boolean;

/** Every declared seed's mask, read one after the other; undefined where it is missing. */
async function masksBySeed(
  { seeds }: ExperimentDeclaration,
  pieces: MaskPiece[],
): Promise<Map<number, PackedMask | undefined>> {
  const masks = new Map<number, PackedMask | undefined>();
  const bySeed = groupBy(pieces, ({ label }) => label.seed);
  for (const seed of seeds) {
    const read = bySeed.get(seed)?.[0]?.content;
    masks.set(seed, read === undefined ? undefined : packMask(await read()));
  }
  return masks;
}

/**
 * The same for equal masks of one computation alone: those of independent runs of a small model may be equal, too.
 * Where nothing was measured after the prune, the keys tell them apart.
 */
function maskIdentity(piece: MaskPiece | undefined, mask: PackedMask, computations: Computations): string {
  const run = piece && (computations.nameOf({ ...piece.label, phase: 'pruned' }) ?? piece.key);
  return `${run} ${maskDigest(mask)}`;
}

function agreement(
  experiment: ExperimentDeclaration,
  round: number,
  masks: Map<number, PackedMask | undefined>,
  { identityOf, facts }: { identityOf: (seed: number, mask: PackedMask) => string; facts: TensorTable | undefined },
): MaskAgreement {
  const all = [...masks].flatMap(([seed, mask]) => (mask === undefined ? [] : [{ seed, mask }]));
  const known = [...groupBy(all, ({ seed, mask }) => identityOf(seed, mask)).values()].map(([first]) => first!);
  const seeds = known.map(({ seed }) => seed);
  const pairs: PairOverlap[] = [];
  const byTensor = new Map<string, Overlap[]>();
  for (const [i, a] of known.entries())
    for (const b of known.slice(i + 1)) {
      const tensors = overlapByTensor(a.mask, b.mask);
      const all = jaccard(together(tensors.values()));
      if (all !== undefined) pairs.push({ a: a.seed, b: b.seed, ...all });
      for (const [name, overlap] of tensors) addTo(byTensor, name, overlap);
    }
  const shares = (tensors: (mask: PackedMask) => { kept: number; weights: number }[]) =>
    spread(
      known.map(({ mask }) => {
        const counted = tensors(mask);
        return (
          counted.reduce((sum, { kept }) => sum + kept, 0) / counted.reduce((sum, { weights }) => sum + weights, 0)
        );
      }),
    ).mean;
  return {
    experiment: experiment.id,
    round,
    seeds,
    copies: all.flatMap(({ seed }) => (seeds.includes(seed) ? [] : [seed])),
    missing: [...masks].flatMap(([seed, mask]) => (mask === undefined ? [seed] : [])),
    all: { kept: shares((mask) => [...mask.values()]), ...meanIndex(pairs) },
    pairs,
    tensors: [...(known[0]?.mask.keys() ?? [])].map((tensor): TensorOverlap => ({
      tensor,
      kind: facts?.get(tensor)?.kind ?? tensor,
      layer: facts?.get(tensor)?.layer ?? null,
      kept: shares((mask) => [mask.get(tensor)!]),
      ...meanIndex((byTensor.get(tensor) ?? []).flatMap((overlap) => jaccard(overlap) ?? [])),
    })),
  };
}

function meanIndex(indices: { jaccard: number; chance: number }[]): { jaccard: number | null; chance: number | null } {
  return {
    jaccard: spread(indices.map((index) => index.jaccard)).mean,
    chance: spread(indices.map(({ chance }) => chance)).mean,
  };
}

/** Per seed, how many of the positions pruned at the end of the round before this round's prune kept. */
function recoveries(
  { id, seeds }: ExperimentDeclaration,
  round: number,
  before: Map<number, PackedMask | undefined>,
  now: Map<number, PackedMask | undefined>,
): MaskRecovery[] {
  return seeds.map((seed) => {
    const [earlier, later] = [before.get(seed), now.get(seed)];
    if (earlier === undefined || later === undefined)
      return { experiment: id, seed, round, pruned: null, recovered: null };
    const { weights, keptA, keptB, both } = together(overlapByTensor(earlier, later).values());
    return { experiment: id, seed, round, pruned: weights - keptA, recovered: keptB - both };
  });
}

/** Each further arm's last masks against those of the first arm, one pair at a time; copies of a pair count once. */
async function armAgreements(
  [baseline, ...others]: ExperimentDeclaration[],
  lastMask: (experiment: string, seed: number) => Promise<IdentifiedMask | undefined>,
): Promise<MaskFindings['arms']> {
  const ofBaseline = new Set(baseline?.seeds);
  const found: MaskFindings['arms'] = [];
  for (const arm of baseline === undefined ? [] : others) {
    const pairs: (ComputedPair & ArmMasks['points'][number])[] = [];
    for (const seed of arm.seeds.filter((each) => ofBaseline.has(each))) {
      const [ours, theirs] = [await lastMask(arm.id, seed), await lastMask(baseline!.id, seed)];
      if (ours === undefined || theirs === undefined || !sameTensors(ours.mask, theirs.mask)) continue;
      const index = jaccard(together(overlapByTensor(ours.mask, theirs.mask).values()));
      if (index !== undefined) pairs.push({ arm: ours.identity, baseline: theirs.identity, seed, ...index });
    }
    const copies = new Set(copiedPairs(pairs));
    const points = pairs
      .filter((pair) => !copies.has(pair))
      .map(({ seed, jaccard: index, chance }) => ({ seed, jaccard: index, chance }));
    const { jaccard: mean, chance } = meanIndex(points);
    if (mean !== null && chance !== null)
      found.push({ arm: arm.id, baseline: baseline!.id, points, jaccard: mean, chance });
  }
  return found;
}

interface IdentifiedMask {
  mask: PackedMask;
  identity: string;
}

/** The mask that a run ends with; undefined where it has none or it is missing. */
async function lastOf(
  ofRun: readonly MaskPiece[],
  isPrune: IsPrune,
  computations: Computations,
): Promise<IdentifiedMask | undefined> {
  const last = [...ofRun]
    .sort((a, b) => a.label.round - b.label.round || Number(isPrune(b)) - Number(isPrune(a)))
    .at(-1);
  if (last?.content === undefined) return undefined;
  const mask = packMask(await last.content());
  return { mask, identity: maskIdentity(last, mask, computations) };
}
