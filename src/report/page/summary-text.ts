/**
 * The report's first paragraph, made from the numbers. It claims no more than they hold: every sentence carries its n,
 * and what does not apply or is missing is said.
 */
import { largest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import { sameWeight } from '../../science/results/run-results.ts';
import { lowerBoundOfAll } from '../../science/statistics/all-of-n.ts';
import { spread } from '../../science/statistics/spread.ts';
import { paramOf } from '../../science/study-declaration.ts';
import { endOf, namesOf, resultOf, schemeOf } from '../arms.ts';
import { inBrackets, shortRuleText } from '../causal-rule.ts';
import { distinctArms, fateCounts, foundAgainText, referenceGroups } from '../computations.ts';
import { retrainingText } from '../control-text.ts';
import { lateEmergenceText } from '../late-emergence.ts';
import { functionText } from '../lost-function.ts';
import { prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { startingModels } from '../starting-models.ts';
import { named, range } from '../topics/parts.ts';
import { fatesOf, prunedTo } from '../topics/survival.ts';
import { counted, decimal, factorOf, percent, perplexitySpreadText, perplexityText, spreadText } from '../wording.ts';
import { disconnectedText } from '../zeroing.ts';

const BUILT_IN_MODEL = 'marker-retrieval';

/** What was found, in a few sentences. The figure below the first one says by which rule a weight counts. */
export function plainSummary(results: StudyResults): string[] {
  return [glance(results), pretrainedArms(results), reinitialisedArms(results), cost(results)].filter(
    (sentence) => sentence !== '',
  );
}

/** How far these findings reach. */
export function cautions(results: StudyResults): string[] {
  return [selection(results), dependence(results), smallness(results), holes(results)].filter(
    (sentence) => sentence !== '',
  );
}

function glance({ ablations, runs }: StudyResults): string {
  const models = ablations.filter(({ scheme }) => scheme === 'pretrained');
  const what =
    'A super weight is a single weight whose removal costs a language model far more than that of any weight like it.';
  if (models.length === 0) return what;
  const holding = models.filter(({ confirmed }) => confirmed.length > 0);
  if (holding.length === 0)
    return `${what} ${models.length === 1 ? 'The one pretrained model' : `None of the ${counted(models.length, 'pretrained model')}`} here holds ${models.length === 1 ? 'none' : 'one'} that is confirmed.${jointText(runs)}`;
  const factors = holding.map(({ confirmed }) => Math.exp(confirmed[0]!.effect));
  const others = holding.flatMap(({ confirmed, weights }) =>
    weights.filter(({ coordinate }) => !sameWeight(coordinate, confirmed[0]!.coordinate)).map(({ effect }) => effect),
  );
  const apart = others.length === 0 ? '' : `, any other of the largest by ${factorOf(largest(others))} at most`;
  return `${what} In ${holding.length} of ${counted(models.length, 'pretrained model')} zeroing one multiplies perplexity by ${range(factors, (factor, ends) => decimal(factor, 1, [1, ...ends]))}${apart}.${jointText(runs)}`;
}

/** Weights that cost little alone, and much together. Nothing where none were found. */
function jointText(runs: StudyResults['runs']): string {
  const sets = new Set(
    runs.flatMap(({ reference: { key, jointSets = [] } }) =>
      jointSets.flatMap(({ confirmed, members }) => (confirmed ? [JSON.stringify([key, members])] : [])),
    ),
  );
  return sets.size === 0
    ? ''
    : ` Of weights that make up for one another, so that each alone costs little, ${counted(sets.size, 'joint set')} ${sets.size === 1 ? 'was' : 'were'} confirmed.`;
}

function pretrainedArms(results: StudyResults): string {
  const arms = prunedArms(results).filter((arm) => schemeOf(arm) === 'pretrained');
  const { fates, followed, sparsities } = fatesOf(results, arms);
  if (fates.length === 0) return '';
  const { n, kept, disconnected, functional } = fateCounts(fates);
  const own = arms.filter(({ id }) => followed.includes(id));
  return `${prunedTo(results.study, own, sparsities)} (${counted(followed.length, 'pretrained arm')}, ${counted(n, 'distinct run')} that ${n === 1 ? 'holds' : 'hold'} one and ${n === 1 ? 'is' : 'are'} finished), the super weight was kept in ${kept}${disconnectedText(disconnected)}, removing it still hurt in ${functional}, and ${foundAgainText(fateCounts(fates))}.${functionText(results, arms)}`;
}

function reinitialisedArms(results: StudyResults): string {
  const arms = prunedArms(results).filter((arm) => schemeOf(arm) !== 'pretrained');
  const groups = referenceGroups(results, arms);
  if (groups.length === 0) return '';
  const emerged = groups.reduce((sum, group) => sum + group.confirmed, 0);
  const { n, kept, disconnected, functional } = fateCounts(fatesOf(results, arms).fates);
  const fate =
    emerged === 0
      ? 'survival does not apply there'
      : n === 0
        ? 'what became of it is not known'
        : `at the end it was kept in ${kept} of ${counted(n, 'distinct run')}${disconnectedText(disconnected)} and still mattered in ${functional}`;
  const counts = groups.map(
    ({ name, ids, confirmed, known }) => `${confirmed} of ${counted(known, 'model')} of ${named(ids)} (${name})`,
  );
  const rule = shortRuleText(
    results.study,
    groups.flatMap(({ ids }) => ids),
  );
  return `In re-initialised models one had emerged after the first training in ${listed(counts)}${inBrackets(rule)}; ${fate}.${lateEmergenceText(results, arms)}`;
}

/** Of the arms that a criterion prunes, the sparsest, beside its control and what retraining alone did to that. */
function cost(results: StudyResults): string {
  const ends = prunedArms(results).flatMap((experiment) => {
    const end = endOf(results, experiment.id);
    return end === undefined || end.sparsity.mean === null || end.loss.mean === null ? [] : [{ experiment, end }];
  });
  const sparsest = ends.sort((a, b) => b.end.sparsity.mean! - a.end.sparsity.mean!)[0];
  if (sparsest === undefined) return '';
  const { experiment, end } = sparsest;
  const { toControl } = resultOf(results, experiment.id);
  const copies = new Set(toControl?.copies);
  const control = spread(
    (toControl?.points ?? []).flatMap(({ seed, baseline }) => (copies.has(seed) ? [] : [Math.exp(baseline)])),
  );
  const apart = (of: number | null) => (of === null ? [] : [of]);
  const floor = floorOf(results);
  const text = (value: number) =>
    perplexityText(value, [...apart(end.perplexity.mean), ...apart(control.mean), ...apart(floor?.perplexity ?? null)]);
  const against = [
    ...(toControl === null || control.mean === null
      ? []
      : [
          `${spreadText(control, text, perplexityText)} for its positive control ${toControl.baseline} (n = ${control.n})`,
        ]),
    ...(floor === undefined ? [] : [`${text(floor.perplexity)} for ${floor.of}`]),
  ];
  const drift = toControl === null ? '' : retrainingText(results, toControl.baseline);
  return `Of the arms that a criterion prunes, the sparsest, ${namesOf(results, experiment.id)}, ends at ${percent(end.sparsity.mean!)} sparsity and perplexity ${end.perplexity.mean === null ? perplexitySpreadText(end) : spreadText(end.perplexity, text, perplexityText)} (n = ${end.loss.n})${against.length === 0 ? '' : `, against ${listed(against)}`}.${drift === '' ? '' : ` ${drift}`}`;
}

/** What a perplexity is held against: the language's own on the same tokens, or over all text if that is not known. */
function floorOf({ floor, surprisal }: StudyResults): { perplexity: number; of: string } | undefined {
  if (surprisal !== null) return { perplexity: Math.exp(surprisal), of: 'the language itself on the same tokens' };
  return floor === null ? undefined : { perplexity: Math.exp(floor), of: 'the language itself over all text' };
}

/** The built-in models were trained to hold super weights, so that they do is no finding of the study. */
function selection({ study }: StudyResults): string {
  const builtIn = study.experiments.some(
    (experiment) =>
      schemeOf(experiment) === 'pretrained' && paramOf(experiment, 'load-pretrained', 'model') === BUILT_IN_MODEL,
  );
  return builtIn
    ? 'The built-in checkpoints come from a recipe that was chosen because super weights emerge under it: how often they do is no finding.'
    : '';
}

/** Arms share starting models where several arms have a seed in common: then they are not independent of each other. */
function dependence(results: StudyResults): string {
  const arms = distinctArms(
    results,
    prunedArms(results).filter((arm) => schemeOf(arm) === 'pretrained'),
  );
  const starts = arms.map(({ id }) => startingModels(results, id));
  const all = new Set(starts.flatMap((own) => [...own]));
  if (all.size === 0 || starts.reduce((sum, { size }) => sum + size, 0) === all.size) return '';
  return `The ${counted(arms.length, 'pretrained arm')} that a criterion prunes start from ${counted(all.size, 'checkpoint')} in all, so they are not independent of each other.`;
}

function smallness({ experiments, study }: StudyResults): string {
  const most = Math.max(1, largest(experiments.map(({ declared, copies }) => declared - copies)));
  return `With at most ${counted(most, 'distinct run')} per experiment, even ${most} of ${most} is compatible with a rate of ${percent(lowerBoundOfAll(most, study.analysis.confidence), 0)}.`;
}

function holes({ runs }: StudyResults): string {
  const incomplete = runs
    .filter(({ status }) => status === 'incomplete')
    .map(({ experiment, seed }) => `${experiment} seed ${seed}`);
  if (incomplete.length === 0) return '';
  return `Incomplete, and therefore short of figures: ${incomplete.length <= 6 ? listed(incomplete) : counted(incomplete.length, 'run')}.`;
}
