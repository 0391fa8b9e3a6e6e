/**
 * The detector's own error rates. On trained models the truth is brute force: the largest weights zeroed one by one,
 * which knows nothing of spikes or matched controls. On random models it is what was planted, or that nothing was.
 */
import { digestJson } from '../base/digest.ts';
import { groupBy } from '../base/groups.ts';
import type { JsonValue } from '../base/json.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import type {
  DetectorRates,
  PlantedRates,
  RandomRates,
  RunDetection,
  ThresholdRates,
  TrainedRates,
} from '../generated/detector-rates.ts';
import type { Evaluation } from '../generated/evaluation.ts';
import type { PlantedSpikes } from '../generated/planted-spikes.ts';
import type { AblatedWeight, Coordinate, SuperWeightReport } from '../generated/super-weights.ts';
import { identityOf } from './ablation.ts';
import { passesCausalTest } from './causal-test.ts';
import type { Piece } from './results/study-pieces.ts';
import { proportion } from './statistics/proportion.ts';
import { paramOf } from './study-declaration.ts';
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
 * Rates of every experiment whose detections have a brute-force truth: their own, or that of the experiment which
 * theirs extends, by that experiment's thresholds. So other thresholds are judged by the same truth. Of a run that
 * looks several times, the last look counts. What is missing, or sought nothing, is left out and not counted.
 */
export function detectorRates(
  study: StudyDeclaration,
  { detections, evaluations, planted }: DetectorPieces,
): DetectorRates {
  const looked = lastLooks(detections);
  const evaluated = lastLooks(evaluations);
  const truths = new Map<string, Truth>();
  for (const experiment of study.experiments)
    for (const seed of experiment.seeds) {
      const { id } = experiment;
      const ablation = looked.get(runOf(id, seed))?.ablation ?? [];
      if (ablation.length > 0)
        truths.set(runOf(id, seed), { ablation, holds: standingApart(ablation, thresholdsOf(experiment)) });
    }
  const trained = study.experiments.flatMap((experiment): TrainedRates[] => {
    const { id, extends: parent, model, seeds } = experiment;
    const judge = parent === undefined || seeds.some((seed) => truths.has(runOf(id, seed))) ? id : parent;
    const runs = seeds.flatMap((seed): RunDetection[] => {
      const [report, evaluation] = [looked.get(runOf(id, seed)), evaluated.get(runOf(id, seed))];
      const truth = truths.get(runOf(judge, seed));
      if (report === undefined || report.search === 'none' || evaluation === undefined || truth === undefined)
        return [];
      return [runDetection(seed, report, evaluation, truth, thresholdsOf(experiment))];
    });
    if (runs.length === 0) return [];
    const models = distinctModels(runs);
    return [
      {
        experiment: id,
        truth: judge,
        model,
        thresholds: thresholdsOf(experiment),
        runs,
        copies: runs.length - models.length,
        ...ratesOf(models),
      },
    ];
  });
  // Runs with equal parameters share their random models, and a longer list begins with the shorter one's.
  const models = distinctBy(
    planted.flatMap(({ content }) => content?.models ?? []),
    (each) => digestJson(each as unknown as JsonValue),
  );
  return { trained, byThresholds: pooled(trained), planted: plantedRates(models), random: randomRates(models) };
}

/** The first of all items with the same identity. */
function distinctBy<Item>(items: readonly Item[], identity: (item: Item) => string): Item[] {
  return [...groupBy(items, identity).values()].map(([first]) => first!);
}

/** Runs whose models are those of others count once: what was measured of them is equal to the bit. */
function distinctModels(runs: readonly RunDetection[]): RunDetection[] {
  return distinctBy(runs, ({ seed: _, ...measured }) => digestJson(measured as unknown as JsonValue));
}

/** How often weights that stand apart were found, and how often others were taken for them. */
function ratesOf(models: readonly RunDetection[]): Omit<ThresholdRates, 'thresholds'> {
  const [holding, empty] = [models.filter(({ holds }) => holds > 0), models.filter(({ holds }) => holds === 0)];
  return {
    hits: proportion(
      count(holding, ({ found }) => found),
      holding.length,
    ),
    falseAlarms: proportion(
      count(empty, ({ confirmed }) => confirmed > 0),
      empty.length,
    ),
    causalHits: proportion(
      count(holding, ({ foundCausally }) => foundCausally),
      holding.length,
    ),
    causalFalseAlarms: proportion(
      count(empty, ({ causal }) => causal > 0),
      empty.length,
    ),
  };
}

/** How many of the largest weights stand apart from the rest: 0 if none does, or too many to be outliers. */
export function standingApart(
  ablation: readonly AblatedWeight[],
  { minimumEffect, controlFactor, maximumTwins }: Thresholds,
): number {
  const effects = ablation.map(({ effect }) => effect).sort((a, b) => b - a);
  for (let apart = 1; apart <= maximumTwins + 1 && apart < effects.length; apart++) {
    const [last, next] = [effects[apart - 1]!, effects[apart]!];
    if (last < minimumEffect) return 0;
    if (last >= controlFactor * next) return apart;
  }
  return 0;
}

function runDetection(
  seed: number,
  { candidates, confirmed }: SuperWeightReport,
  evaluation: Evaluation,
  { ablation, holds }: Truth,
  thresholds: Thresholds,
): RunDetection {
  const byEffect = [...ablation].sort((a, b) => b.effect - a.effect);
  const apart = byEffect.slice(0, holds).map(({ coordinate }) => identityOf(coordinate));
  const standsApart = (coordinate: Coordinate) => apart.includes(identityOf(coordinate));
  const causal = candidates
    .filter((candidate) => passesCausalTest(candidate, thresholds))
    .map(({ coordinate }) => coordinate);
  const best = [...candidates].sort((a, b) => b.effect - a.effect)[0];
  return {
    seed,
    excess: evaluation.excess,
    excessStandardError: evaluation.excessStandardError,
    retrievalAccuracy: evaluation.retrievalAccuracy,
    ablated: ablation.length,
    topEffect: byEffect[0]!.effect,
    runnerUp: byEffect[1]?.effect ?? null,
    holds,
    confirmed: confirmed.length,
    found: confirmed.some(standsApart),
    causal: causal.length,
    foundCausally: causal.some(standsApart),
    best:
      best === undefined
        ? null
        : {
            layer: best.coordinate.layer,
            row: best.coordinate.row,
            col: best.coordinate.col,
            effect: best.effect,
            rank: best.rank,
            inputRatio: best.inputRatio,
            outputRatio: best.outputRatio,
            verdict: best.verdict,
          },
  };
}

/** The content of each run's last look, by run. */
function lastLooks<Content>(pieces: readonly Piece<Content>[]): Map<string, Content> {
  const last = new Map<string, Piece<Content>>();
  for (const piece of pieces) {
    const run = runOf(piece.label.experiment, piece.label.seed);
    if (piece.label.round >= (last.get(run)?.label.round ?? 0)) last.set(run, piece);
  }
  return new Map([...last].flatMap(([run, { content }]) => (content === undefined ? [] : [[run, content] as const])));
}

function runOf(experiment: string, seed: number): string {
  return JSON.stringify([experiment, seed]);
}

/** Over all kinds of model, by thresholds; experiments that share a model share it here, too. */
function pooled(trained: readonly TrainedRates[]): ThresholdRates[] {
  return [...groupBy(trained, ({ thresholds }) => JSON.stringify(thresholds)).values()].map((group) => ({
    thresholds: group[0]!.thresholds,
    ...ratesOf(distinctModels(group.flatMap(({ runs }) => runs))),
  }));
}

function plantedRates(models: PlantedSpikes['models']): PlantedRates[] {
  const trials = models.flatMap(({ planted }) => planted);
  return [...new Set(trials.map(({ strength }) => strength))]
    .sort((a, b) => a - b)
    .map((strength) => {
      const group = trials.filter((trial) => trial.strength === strength);
      const rate = (matches: (trial: (typeof group)[number]) => boolean) =>
        proportion(count(group, matches), group.length);
      return {
        strength,
        located: rate(({ located }) => located),
        candidate: rate(({ candidate }) => candidate),
        others: rate(({ otherCandidates }) => otherCandidates > 0),
        confirmed: rate(({ confirmed }) => confirmed > 0),
      };
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
    confirmed: proportion(
      count(models, ({ confirmed }) => confirmed > 0),
      models.length,
    ),
    largestRatio: Math.max(...models.map(({ largestRatio }) => largestRatio)),
    largestEffect: Math.max(...models.map(({ largestEffect }) => largestEffect)),
  };
}

/** @throws Error if the experiment's rounds have different thresholds */
function thresholdsOf(experiment: ExperimentDeclaration): Thresholds {
  const threshold = (name: keyof Thresholds) => {
    const value = paramOf(experiment, 'detect-sw', name);
    if (value === undefined)
      throw new Error(`The rounds of ${experiment.id} differ in detect-sw.${name}: rates are of one threshold.`);
    return value;
  };
  return {
    spikeRatio: threshold('spikeRatio'),
    minimumEffect: threshold('minimumEffect'),
    controlFactor: threshold('controlFactor'),
    maximumTwins: threshold('maximumTwins'),
  };
}

function count<Item>(items: readonly Item[], matches: (item: Item) => boolean): number {
  return items.filter(matches).length;
}
