/**
 * The detector's own error rates. On trained models the truth is brute force: the largest weights zeroed one by one, which
 * knows nothing of spikes or matched controls. On random models it is what was planted, or that nothing was.
 */
import type { StudyDeclaration } from '../generated/aggregate.ts';
import type { DetectorRates, PlantedRates, RandomRates, RunDetection, ThresholdRates, TrainedRates } from '../generated/detector-rates.ts';
import type { Evaluation } from '../generated/evaluation.ts';
import type { PlantedSpikes } from '../generated/planted-spikes.ts';
import type { AblatedWeight, SuperWeightReport } from '../generated/super-weights.ts';
import { identityOf } from './ablation.ts';
import type { Piece } from './results/study-pieces.ts';
import { proportion } from './statistics/proportion.ts';
import type { DetectionRule } from './super-weights.ts';

/** What of the rule the rates depend on. */
export type Thresholds = Pick<DetectionRule, 'spikeRatio' | 'minimumEffect' | 'controlFactor' | 'maximumTwins'>;

export interface DetectorPieces {
  detections: Piece<SuperWeightReport>[];
  evaluations: Piece<Evaluation>[];
  planted: Piece<PlantedSpikes>[];
}

/** What brute force says of one model: how many of its largest weights stand apart, and what zeroing each costs. */
interface Truth {
  ablation: readonly AblatedWeight[];
  holds: number;
}

/**
 * Rates of every experiment whose detections have a brute-force truth: their own, or that of another experiment with the
 * same model and seed, by the thresholds of the experiment that has it. So other thresholds are judged by the same truth.
 * What is missing is left out and counted by nobody.
 */
export function detectorRates(study: StudyDeclaration, { detections, evaluations, planted }: DetectorPieces): DetectorRates {
  const truths = new Map<string, Truth>();
  for (const { label, content } of detections) {
    const { model, params } = study.experiments.find(({ id }) => id === label.experiment)!;
    if (content === undefined || content.ablation.length === 0) continue;
    truths.set(`${model} ${label.seed}`, { ablation: content.ablation, holds: standingApart(content.ablation, thresholdsOf(params['detect-sw'] as unknown as Thresholds)) });
  }
  const trained = study.experiments.flatMap(({ id, model, params }): TrainedRates[] => {
    const thresholds = thresholdsOf(params['detect-sw'] as unknown as Thresholds);
    const runs = detections.flatMap(({ label, content }): RunDetection[] => {
      const truth = truths.get(`${model} ${label.seed}`);
      const evaluation = evaluations.find((piece) => piece.label.experiment === id && piece.label.seed === label.seed)?.content;
      if (label.experiment !== id || content === undefined || truth === undefined || evaluation === undefined) return [];
      return [runDetection(label.seed, content, evaluation, truth)];
    });
    const [holding, empty] = [runs.filter(({ holds }) => holds > 0), runs.filter(({ holds }) => holds === 0)];
    if (runs.length === 0) return [];
    return [{ experiment: id, model, thresholds, runs, hits: proportion(count(holding, ({ confirmed, found }) => confirmed > 0 && found), holding.length), falseAlarms: proportion(count(empty, ({ confirmed }) => confirmed > 0), empty.length) }];
  });
  // Experiments that differ in their model alone share the seeds' random models: each counts once.
  const models = [...new Map(planted.flatMap(({ key, content }) => (content ? [[key, content] as const] : []))).values()].flatMap((content) => content.models);
  return { trained, byThresholds: pooled(trained), planted: plantedRates(models), random: randomRates(models) };
}

/** How many of the largest weights stand apart from the rest: 0 if none does, or too many to be outliers. */
export function standingApart(ablation: readonly AblatedWeight[], { minimumEffect, controlFactor, maximumTwins }: Thresholds): number {
  const effects = ablation.map(({ effect }) => effect).sort((a, b) => b - a);
  for (let apart = 1; apart <= maximumTwins + 1 && apart < effects.length; apart++) {
    const [last, next] = [effects[apart - 1]!, effects[apart]!];
    if (last < minimumEffect) return 0;
    if (last >= controlFactor * next) return apart;
  }
  return 0;
}

function runDetection(seed: number, { candidates, confirmed }: SuperWeightReport, evaluation: Evaluation, { ablation, holds }: Truth): RunDetection {
  const byEffect = [...ablation].sort((a, b) => b.effect - a.effect);
  const apart = byEffect.slice(0, holds).map(({ coordinate }) => identityOf(coordinate));
  const best = candidates.reduce((best, candidate) => (candidate.effect > best.effect ? candidate : best));
  return {
    seed,
    aboveFloor: evaluation.loss - (evaluation.floor ?? 0),
    retrievalAccuracy: evaluation.retrievalAccuracy,
    ablated: ablation.length,
    topEffect: byEffect[0]!.effect,
    runnerUp: byEffect[1]?.effect ?? 0,
    holds,
    confirmed: confirmed.length,
    found: apart.length > 0 && confirmed.some((coordinate) => apart.includes(identityOf(coordinate))),
    best: { layer: best.coordinate.layer, row: best.coordinate.row, col: best.coordinate.col, effect: best.effect, rank: best.rank, inputRatio: best.inputRatio, outputRatio: best.outputRatio, verdict: best.verdict },
  };
}

/** Over all kinds of model, by thresholds. */
function pooled(trained: readonly TrainedRates[]): ThresholdRates[] {
  const groups = new Map<string, TrainedRates[]>();
  for (const rates of trained) {
    const identity = JSON.stringify(rates.thresholds);
    groups.set(identity, [...(groups.get(identity) ?? []), rates]);
  }
  return [...groups.values()].map((group) => {
    const sum = (rate: 'hits' | 'falseAlarms') => proportion(...group.reduce<[number, number]>(([k, n], rates) => [k + rates[rate].k, n + rates[rate].n], [0, 0]));
    return { thresholds: group[0]!.thresholds, hits: sum('hits'), falseAlarms: sum('falseAlarms') };
  });
}

function plantedRates(models: PlantedSpikes['models']): PlantedRates[] {
  const trials = models.flatMap(({ planted }) => planted);
  return [...new Set(trials.map(({ strength }) => strength))]
    .sort((a, b) => a - b)
    .map((strength) => {
      const group = trials.filter((trial) => trial.strength === strength);
      const rate = (matches: (trial: (typeof group)[number]) => boolean) => proportion(count(group, matches), group.length);
      return { strength, located: rate(({ located }) => located), candidate: rate(({ candidate }) => candidate), others: rate(({ otherCandidates }) => otherCandidates > 0), confirmed: rate(({ confirmed }) => confirmed > 0) };
    });
}

function randomRates(models: PlantedSpikes['models']): RandomRates | null {
  if (models.length === 0) return null;
  const layers = models.reduce((sum, model) => sum + model.layers, 0);
  const total = (key: 'candidates' | 'causal') => models.reduce((sum, model) => sum + model[key], 0);
  return {
    models: models.length,
    candidates: proportion(total('candidates'), layers),
    causal: proportion(total('causal'), layers),
    confirmed: proportion(count(models, ({ confirmed }) => confirmed > 0), models.length),
    largestRatio: Math.max(...models.map(({ largestRatio }) => largestRatio)),
    largestEffect: Math.max(...models.map(({ largestEffect }) => largestEffect)),
  };
}

function thresholdsOf({ spikeRatio, minimumEffect, controlFactor, maximumTwins }: Thresholds): Thresholds {
  return { spikeRatio, minimumEffect, controlFactor, maximumTwins };
}

function count<Item>(items: readonly Item[], matches: (item: Item) => boolean): number {
  return items.filter(matches).length;
}
