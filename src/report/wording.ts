/** Numbers and declarations in words: the same everywhere in the report and in the terminal. */
import { addTo } from '../base/groups.ts';
import { listed } from '../base/listed.ts';
import { decimal, exactPercent, signed } from '../base/number-text.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import type {
  ExperimentPoint,
  MeasuredEvaluation,
  PairedDifference,
  Proportion,
  Spread,
  WeightCoordinate,
  SurvivalSummary,
} from '../generated/results.ts';
import { foreignPruningStages, paramIn, paramOf, paramValues, trainingStages } from '../science/study-declaration.ts';
import { treatmentOf } from './treatment.ts';

export { decimal, exactPercent, percent, signed } from '../base/number-text.ts';

/** Perplexity to four figures or so: 11.42, 104.3, 1,211, 2.41e+9. @param apart as of `decimal` */
export function perplexityText(value: number, apart: readonly number[] = []): string {
  if (value >= 1e6) return Number.isFinite(value) ? value.toExponential(2) : '\u221e';
  return decimal(value, value < 100 ? 2 : value < 1000 ? 1 : 0, apart);
}

/** What perplexity is multiplied by where the loss rises so far, in nats: `9.87`; 1 only where the loss stays. */
export function factorOf(nats: number, digits = 2): string {
  return decimal(Math.exp(nats), digits, [1]);
}

/** `[a, b]`: ends that differ are told apart from each other, from 0 and from `apart`. */
export function intervalText(
  { lower, upper }: { lower: number; upper: number },
  text: (value: number, apart: readonly number[]) => string,
  apart: readonly number[] = [],
): string {
  return `[${text(lower, [upper, ...apart])}, ${text(upper, [lower, ...apart])}]`;
}

/** The exact interval of a proportion: `[29, 100] %`. */
export function proportionInterval({ lower, upper }: { lower: number; upper: number }): string {
  const [low, high] = [100 * lower, 100 * upper];
  return `[${decimal(low, 0, [high, 100])}, ${decimal(high, 0, [low, 100])}] %`;
}

/** An evaluation's perplexity; `exp(812.3)` where it is more than a double holds, though the loss is known. */
export function evaluationPerplexityText({
  perplexity,
  loss,
}: Pick<MeasuredEvaluation, 'perplexity' | 'loss'>): string {
  return perplexity === null ? `exp(${decimal(loss, 1)})` : perplexityText(perplexity);
}

/** Mean and deviation over runs, of the loss where a perplexity is more than a double holds. */
export function perplexitySpreadText({ perplexity, loss }: Pick<ExperimentPoint, 'perplexity' | 'loss'>): string {
  if (perplexity.mean !== null || loss.mean === null) return spreadText(perplexity, perplexityText);
  return `exp(${spreadText(loss, (value) => decimal(value, 1))})`;
}

/** `11.42 ± 0.03`, without the deviation for a single run; a dash for none. */
export function spreadText(
  { mean, sd }: Spread,
  text: (value: number) => string,
  deviation: (value: number) => string = text,
): string {
  if (mean === null) return '\u2013';
  return sd === null ? text(mean) : `${text(mean)} ± ${deviation(sd)}`;
}

/** `2/3`; a dash where there is nothing to count. */
export function countText({ k, n }: Proportion): string {
  return n === 0 ? '\u2013' : `${k}/${n}`;
}

/** In how many runs it was found again at its place; a dash where there was none to find. */
export function foundAgainCount({ n, redetectedSame }: SurvivalSummary): string {
  return n > 0 && redetectedSame.n === 0 ? 'not sought' : countText(redetectedSame);
}

/** `layer 0 down_proj [45, 94]`. */
export function coordinateText({ tensor, kind, layer, row, col }: WeightCoordinate): string {
  return `layer ${layer} ${kind ?? tensorKind(tensor)} [${row}, ${col}]`;
}

/** `down_proj` of `model.layers.11.mlp.down_proj.weight`, where a report does not say the kind itself. */
function tensorKind(tensor: string): string {
  return /([^.]+)\.weight$/.exec(tensor)?.[1] ?? tensor;
}

/** A difference in nats with as many decimals as it needs: +1.23, +0.00012. @param apart as of `decimal` */
export function natsText(value: number, apart: readonly number[] = []): string {
  const size = Math.abs(value);
  return signed(value, size >= 1 ? 2 : size >= 0.1 ? 3 : size >= 0.0001 || size === 0 ? 4 : 5, apart);
}

/** `+0.0012 [−0.0003, +0.0027]` nats. */
export function differenceText({ mean, interval }: Pick<PairedDifference, 'mean' | 'interval'>): string {
  if (mean === null) return '\u2013';
  if (interval === null) return natsText(mean);
  return `${natsText(mean, [interval.lower, interval.upper])} ${intervalText(interval, natsText, [mean])}`;
}

/** `1 run`, `3 runs`. */
export function counted(n: number, noun: string): string {
  return `${decimal(n, 0)} ${noun}${n === 1 ? '' : 's'}`;
}

/** The profile's scaling, for every caption: "Steps are 1/50 of the declared ones, except in C1 (as declared)." */
export function scalingText({ profile, experiments }: StudyDeclaration): string {
  const factors = new Map<number, string[]>();
  for (const { id, scaleSteps } of experiments) addTo(factors, scaleSteps, id);
  if (factors.size === 0) return `Steps are ${factorText(profile.scaleSteps)}.`;
  const [[most, ids], ...others] = [...factors].sort((a, b) => b[1].length - a[1].length) as [
    [number, string[]],
    ...[number, string[]][],
  ];
  if (others.length === 0) return `Steps are ${factorText(most)}${most === 1 ? '' : ` (profile ${profile.name})`}.`;
  const exceptions = others.map(([factor, of]) => `${factorText(factor)} in ${listed(of)}`).join('; ');
  return `Profile ${profile.name}: steps are ${factorText(most)} in ${ids.length > 4 ? `${ids.length} experiments` : listed(ids)}; ${exceptions}.`;
}

function factorText(factor: number): string {
  if (factor === 1) return 'as declared';
  const inverse = 1 / factor;
  return Math.abs(inverse - Math.round(inverse)) < 1e-9
    ? `1/${decimal(Math.round(inverse), 0)} of the declared ones`
    : `${decimal(factor, 3)} of the declared ones`;
}

/** An experiment in a few words: `pretrained · 5 × 10 % · 60 steps`. */
export function experimentPhrase(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  const besides = treatmentOf(study, experiment);
  return [
    paramOf(experiment, 'init', 'scheme') ?? 'unknown init',
    pruningPhrase(study, experiment),
    stepsPhrase(study, experiment),
    ...(besides === '' ? [] : [besides]),
  ].join(' · ');
}

function pruningPhrase(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  const foreign = foreignPruningStages(study, experiment).map((stage) => `"${stage}"`);
  const { rounds } = experiment;
  const values = Array.from({ length: rounds }, (_, i) => paramIn(experiment, 'prune', 'fraction', i + 1) ?? 0);
  const forced = paramValues(experiment, 'prune', 'force').some((force) => force !== 'none');
  if (values.every((each) => each === 0)) {
    if (foreign.length > 0) return `pruned by ${listed(foreign)}`;
    return forced ? 'super weight pruned' : 'no pruning';
  }
  const also = `${forced ? ', super weight first' : ''}${foreign.length === 0 ? '' : ` and by ${listed(foreign)}`}`;
  const share = paramOf(experiment, 'prune', 'of') === 'total' ? ' of all' : '';
  const number = (fraction: number) => exactPercent(fraction).replace(' %', '');
  const pruning = values.flatMap((fraction, i) => (fraction > 0 ? [{ fraction, round: i + 1 }] : []));
  const [only] = pruning;
  if (only !== undefined && pruning.length === 1 && rounds > 1)
    return `${number(only.fraction)} %${share} in round ${only.round}${also}`;
  const text = groups(values)
    .map(({ item, times }) => (times === 1 ? number(item) : `${times} × ${number(item)}`))
    .join(', ');
  return `${text} %${share}${also}`;
}

/** Training steps of a round, or the stage that trains where it is the study's own. */
function stepsPhrase(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  const values = paramValues(experiment, 'train', 'steps');
  if (values.length === 0) {
    const stages = trainingStages(study, experiment);
    return stages.length === 0 ? 'no training' : `trained by ${listed(stages.map((stage) => `"${stage}"`))}`;
  }
  return `${groups(values)
    .map(({ item }) => decimal(item, 0))
    .join(', then ')} steps`;
}

/** A value per round, equal neighbours once: `0.05, 0.1, 0.2`, `0.9, 0 × 4`. */
export function valuesText(values: readonly unknown[]): string {
  return groups(values.map(String))
    .map(({ item, times }) => (times === 1 ? item : `${item}\u00a0×\u00a0${times}`))
    .join(', ');
}

/** Runs of equal neighbours. */
function groups<Item>(values: readonly Item[]): { item: Item; times: number }[] {
  const found: { item: Item; times: number }[] = [];
  for (const item of values) {
    const last = found.at(-1);
    if (last?.item === item) last.times += 1;
    else found.push({ item, times: 1 });
  }
  return found;
}
