/**
 * The report's first paragraph, made from the numbers. It claims no more than they hold: every sentence carries its n,
 * and what does not apply or is missing is said.
 */
import { largest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ExperimentPoint } from '../../generated/results.ts';
import { lowerBoundOfAll } from '../../science/statistics/all-of-n.ts';
import { spread } from '../../science/statistics/spread.ts';
import { paramOf } from '../../science/study-declaration.ts';
import { endOf, resultOf, schemeOf, stepsBeforeReference, survivalTotals } from '../arms.ts';
import { prunedArms, prunedBy } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { range } from '../topics/parts.ts';
import { counted, decimal, percent, perplexityText, spreadText } from '../wording.ts';

const BUILT_IN_MODEL = 'marker-retrieval';

/** What was found, in a few sentences. */
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

function glance({ ablations }: StudyResults): string {
  const models = ablations.filter(({ scheme }) => scheme === 'pretrained');
  const what =
    'A super weight is a single weight whose removal costs a language model far more than that of any weight like it.';
  if (models.length === 0) return what;
  const holding = models.filter(({ confirmed }) => confirmed.length > 0);
  if (holding.length === 0)
    return `${what} None of the ${counted(models.length, 'pretrained model')} here holds a confirmed one.`;
  const factors = holding.map(({ confirmed }) => Math.exp(confirmed[0]!.effect));
  const others = Math.max(
    0,
    ...holding.flatMap(({ weights }) => weights.filter(({ confirmed }) => !confirmed).map(({ effect }) => effect)),
  );
  return `${what} In ${holding.length} of ${counted(models.length, 'pretrained model')} here, zeroing one weight multiplies perplexity by ${range(factors, (factor) => decimal(factor, 1))}; any other of the largest weights, by ${decimal(Math.exp(others), 2)} at most.`;
}

function pretrainedArms(results: StudyResults): string {
  const arms = armEnds(results).filter(({ experiment }) => schemeOf(experiment) === 'pretrained');
  const total = survivalTotals(arms.map(({ end }) => end));
  if (total.n === 0) return '';
  const sparsities = arms.flatMap(({ end }) => end.sparsity.mean ?? []);
  const by = prunedBy(
    results.study,
    arms.map(({ experiment }) => experiment),
  );
  return `Pruned ${by} to ${range(sparsities, (value) => decimal(100 * value, 1))} % sparsity (${counted(arms.length, 'pretrained arm')}, ${counted(total.n, 'finished run')} that hold one), it was kept in ${total.kept}, removing it still hurt in ${total.functional}, and the detector found it again in place in ${total.same}.`;
}

function reinitialisedArms(results: StudyResults): string {
  const arms = armEnds(results).filter(({ experiment }) => schemeOf(experiment) !== 'pretrained');
  if (arms.length === 0) return '';
  const outcomes = arms.flatMap(({ experiment: { id } }) => {
    const { reference } = results.experiments.find((experiment) => experiment.id === id)!;
    const known = reference.confirmed + reference.noneEmerged;
    return known === 0 ? [] : [{ id, known, emerged: reference.confirmed, steps: stepsBeforeReference(results, id) }];
  });
  if (outcomes.length === 0) return '';
  const emerged = outcomes.reduce((sum, outcome) => sum + outcome.emerged, 0);
  const total = survivalTotals(arms.map(({ end }) => end));
  const fate =
    emerged === 0
      ? 'survival does not apply there'
      : total.n === 0
        ? 'what became of it is not known'
        : `at the end it was kept in ${total.kept} of ${total.n} and still mattered in ${total.functional}`;
  const counts = outcomes.map(
    ({ id, known, emerged, steps }) =>
      `${emerged} of ${counted(known, 'run')} of ${id}${steps === null ? '' : ` (${decimal(steps, 0)} steps)`}`,
  );
  return `In re-initialised models one had emerged after the first training in ${listed(counts)}; ${fate}.`;
}

function cost(results: StudyResults): string {
  const ends = armEnds(results).filter(({ end }) => end.sparsity.mean !== null && end.loss.mean !== null);
  const sparsest = ends.sort((a, b) => b.end.sparsity.mean! - a.end.sparsity.mean!)[0];
  if (sparsest === undefined) return '';
  const { experiment, end } = sparsest;
  const { toControl } = resultOf(results, experiment.id);
  const control = spread((toControl?.points ?? []).map(({ baseline }) => Math.exp(baseline)));
  const against = [
    ...(toControl === null || control.mean === null
      ? []
      : [`${spreadText(control, perplexityText)} for its unpruned control ${toControl.baseline} (n = ${control.n})`]),
    ...(results.floor === null ? [] : [`an entropy floor of ${perplexityText(Math.exp(results.floor))}`]),
  ];
  return `The sparsest arm, ${experiment.id}, ends at ${percent(end.sparsity.mean!)} sparsity and perplexity ${spreadText(end.perplexity, perplexityText)} (n = ${end.perplexity.n})${against.length === 0 ? '' : `, against ${listed(against)}`}.`;
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

function dependence(results: StudyResults): string {
  const arms = armEnds(results).filter(({ experiment }) => schemeOf(experiment) === 'pretrained');
  if (arms.length < 2) return '';
  const seeds = new Set(arms.flatMap(({ experiment }) => experiment.seeds)).size;
  return `Pretrained arms start from the same ${counted(seeds, 'checkpoint')}, so they are not independent of each other.`;
}

function smallness({ study }: StudyResults): string {
  const most = Math.max(1, largest(study.experiments.map(({ seeds }) => seeds.length)));
  return `With at most ${counted(most, 'run')} per experiment, even ${most} of ${most} is compatible with a rate of ${percent(lowerBoundOfAll(most, study.analysis.confidence), 0)}.`;
}

function holes({ runs }: StudyResults): string {
  const incomplete = runs
    .filter(({ status }) => status === 'incomplete')
    .map(({ experiment, seed }) => `${experiment} seed ${seed}`);
  if (incomplete.length === 0) return '';
  return `Incomplete, and therefore short of figures: ${incomplete.length <= 6 ? listed(incomplete) : counted(incomplete.length, 'run')}.`;
}

interface ArmEnd {
  experiment: ExperimentDeclaration;
  end: ExperimentPoint;
}

/** Arms that a criterion prunes, at their end. */
function armEnds(results: StudyResults): ArmEnd[] {
  return prunedArms(results).flatMap((experiment) => {
    const end = endOf(results, experiment.id);
    return end === undefined ? [] : [{ experiment, end }];
  });
}
