/** Tables of the overview: experiments with their outcome, their parameters, all runs, what is missing. */
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ExperimentResult, Proportion, RunResult } from '../../generated/results.ts';
import { runName } from '../../science/results/computations.ts';
import { paramValues, type ParamName, type StageName } from '../../science/study-declaration.ts';
import { isOfText } from '../above-floor.ts';
import { declarationOf, measuredEnd, namesOf } from '../arms.ts';
import { ruleSentence, thresholds } from '../causal-rule.ts';
import { isNamedElsewhere } from '../computations.ts';
import type { Row } from '../figures/figure.ts';
import { noneEmergedText } from '../late-emergence.ts';
import type { StudyResults } from '../read-results.ts';
import { treatmentOf } from '../treatment.ts';
import {
  coordinateText,
  countText,
  counted,
  decimal,
  differenceText,
  evaluationPerplexityText,
  exactPercent,
  experimentPhrase,
  intervalText,
  percent,
  perplexitySpreadText,
  perplexityText,
  proportionInterval,
  spreadText,
  valuesText,
} from '../wording.ts';
import { effectText, fateOf } from '../zeroing.ts';
import { SAMPLE_TEXT, sampleText } from './comparison-tables.ts';
import { type Column, html, table, type Html } from './html.ts';

const DASH = '\u2013';

/** Outcome of each experiment at its end. */
export function experimentsTable(results: StudyResults): Html {
  const declaration = (id: string) => declarationOf(results, id);
  const end = ({ points }: ExperimentResult) => points.at(-1);
  const count =
    (of: (survival: NonNullable<ReturnType<typeof end>>['survival']) => Proportion) =>
    (experiment: ExperimentResult) => {
      const survival = end(experiment)?.survival;
      if (survival === undefined) return DASH;
      if (survival.n === 0) return survival.noneEmerged > 0 ? noneEmergedText(results, experiment.id) : DASH;
      if (of(survival).n === 0) return 'not sought';
      return html`${withInterval(of(survival))}${survival.noneEmerged > 0 ? html`<small>none emerged in ${survival.noneEmerged}</small>` : ''}`;
    };
  return table<ExperimentResult>(
    `Experiments at their end (after the last training). Means over distinct runs ± 1 SD; arms that are the same are named together; brackets: ${exactPercent(results.study.analysis.confidence)} intervals (t for perplexity, computed on its logarithm; Clopper-Pearson for k of n). Against the control: nats of log-perplexity, paired by seed, with its t interval and the number of pairs. An arm's control starts and trains exactly alike, prunes nothing, and is taken at the same round and after as many training steps; a dash where the study has none. ${isOfText(results) ? '' : 'Above the floor: nats above what the language itself loses on the same tokens. '}${SAMPLE_TEXT}${ruleSentence(results.study)}`,
    [
      {
        head: 'experiment',
        cell: ({ id }) =>
          html`${namesOf(results, id)}<small>${experimentPhrase(results.study, declaration(id))}</small>`,
      },
      {
        head: 'runs',
        numeric: true,
        cell: ({ complete, declared, copies }) =>
          html`${complete}/${declared}${copies === 0 ? '' : html`<small>${declared - copies} distinct</small>`}`,
      },
      {
        head: 'sparsity',
        numeric: true,
        cell: (experiment) =>
          spreadText({ ...(end(experiment)?.sparsity ?? { n: 0, mean: null }), sd: null }, (share) => percent(share)),
      },
      {
        head: 'perplexity',
        numeric: true,
        cell: (experiment) => {
          const point = end(experiment);
          const { lossInterval, samplingError } = experiment;
          const interval = lossInterval && { lower: Math.exp(lossInterval.lower), upper: Math.exp(lossInterval.upper) };
          return html`${point === undefined ? DASH : perplexitySpreadText(point)}<small
              >n = ${point?.loss.n ?? 0}${interval === null ? '' : `  ${intervalText(interval, perplexityText)}`}</small
            >${point === undefined || samplingError === null || point.perplexity.mean === null ? '' : html`<small>sample ± ${perplexityText(point.perplexity.mean * samplingError)}</small>`}${point === undefined || point.excess.mean === null ? '' : html`<small>${spreadText(point.excess, (value) => decimal(value, 4))} above the floor</small>`}`;
        },
      },
      ...ofLanguage<ExperimentResult>(results, {
        head: 'retrieval',
        numeric: true,
        cell: (experiment) =>
          spreadText(
            end(experiment)?.retrievalAccuracy ?? { n: 0, mean: null, sd: null },
            (share) => percent(share),
            (sd) => decimal(100 * sd, 1),
          ),
      }),
      {
        head: 'against the control',
        numeric: true,
        cell: (experiment) => toControlCell(experiment),
      },
      {
        head: 'kept',
        numeric: true,
        cell: (experiment) => {
          const disconnected = end(experiment)?.survival.disconnected ?? 0;
          return html`${count(({ kept }) => kept)(experiment)}${disconnected === 0 ? '' : html`<small>disconnected in ${disconnected}</small>`}`;
        },
      },
      { head: 'still matters', numeric: true, cell: count(({ functional }) => functional) },
      { head: 'found again in place', numeric: true, cell: count(({ redetectedSame }) => redetectedSame) },
    ],
    results.experiments.filter(({ id }) => !isNamedElsewhere(results, id)),
  );
}

/** A dash where there is no control, and why; beside the difference what the arm does besides its pruning. */
function toControlCell({ toControl, noControl }: ExperimentResult): string | Html {
  if (toControl === null) return noControl === null ? DASH : html`${DASH}<small class="reason">${noControl}</small>`;
  if (toControl.mean === null)
    return html`${DASH}<small class="reason">no seed is known of both, ${toControl.baseline}</small>`;
  const besides = toControl.alsoDiffers.length === 0 ? '' : `, besides: ${listed(toControl.alsoDiffers)}`;
  return html`${differenceText(toControl)}<small class="reason"
      >n = ${toControl.n}, ${toControl.baseline}${besides}</small
    >${sampleText(toControl)}`;
}

function withInterval(proportion: Proportion): Html {
  const { interval } = proportion;
  return html`${countText(proportion)}<small>${interval === null ? '' : proportionInterval(interval)}</small>`;
}

/**
 * The parameters that tell experiments apart, in words; what is the same in all of them is said once, above. The rest
 * is in the definitions and in results.json.
 */
export function parametersTable({ study }: StudyResults): Html {
  const { experiments } = study;
  const values =
    <Stage extends StageName>(stage: Stage, name: ParamName<Stage>) =>
    (experiment: ExperimentDeclaration): readonly unknown[] =>
      paramValues(experiment, stage, name);
  const all: { head: string; numeric?: boolean; values(experiment: ExperimentDeclaration): readonly unknown[] }[] = [
    { head: 'role', values: ({ role }) => [role ?? 'arm'] },
    { head: 'seeds', values: ({ seeds }) => seeds },
    { head: 'init', values: values('init', 'scheme') },
    { head: 'rounds', numeric: true, values: ({ rounds, finalTrain }) => [`${rounds}${finalTrain ? ' + 1' : ''}`] },
    { head: 'steps', values: values('train', 'steps') },
    { head: 'learning rate', values: values('train', 'learningRate') },
    { head: 'schedule', values: values('train', 'schedule') },
    { head: 'optimizer state', values: values('train', 'optimizerState') },
    { head: 'pruned', values: values('prune', 'fraction') },
    { head: 'of', values: values('prune', 'of') },
    { head: 'scope', values: values('prune', 'scope') },
    {
      head: 'besides',
      values: (experiment) =>
        treatmentOf(study, experiment)
          .split(', ')
          .filter((text) => text !== ''),
    },
    { head: 'variant of', values: ({ extends: base }) => (base === undefined ? [] : [base]) },
    { head: 'steps scaled by', numeric: true, values: ({ scaleSteps }) => [scaleSteps] },
  ];
  const text = (column: (typeof all)[number], experiment: ExperimentDeclaration) =>
    valuesText(column.values(experiment)) || DASH;
  const isShared = (column: (typeof all)[number]) =>
    experiments.length > 1 && new Set(experiments.map((experiment) => text(column, experiment))).size === 1;
  const shared = all.filter((column) => isShared(column) && text(column, experiments[0]!) !== DASH);
  const same = shared.map((column) => `${column.head} ${text(column, experiments[0]!)}`);
  return table<ExperimentDeclaration>(
    `Parameters of the experiments as resolved for this profile. Lists give one value per round, the final training last.${same.length === 0 ? '' : ` The same in all: ${same.join('; ')}.`}`,
    [
      { head: 'experiment', cell: ({ id, description }) => html`${id}<small>${description}</small>` },
      ...all
        .filter((column) => !isShared(column))
        .map((column) => ({
          head: column.head,
          numeric: column.numeric ?? false,
          cell: (experiment: ExperimentDeclaration) => tokens(text(column, experiment)),
        })),
    ],
    experiments,
  );
}

/** A list whose items stay whole, however narrow their column. */
function tokens(list: string): Html {
  return html`${list.split(', ').map((item, i) => html`${i === 0 ? '' : ', '}<span class="token">${item}</span>`)}`;
}

/** One row per declared run, as runs.csv has it: figures at the end of the run, empty where it did not get there. */
export function runRows(results: StudyResults): Row[] {
  return results.runs.map((run) => {
    const end = measuredEnd(results, run);
    const primary = end?.survival.weights[0];
    const reference = run.reference.superWeights[0];
    return {
      experiment: run.experiment,
      seed: run.seed,
      computation: run.computation,
      status: run.status,
      missing: run.missing.length,
      sparsity: end?.sparsity ?? null,
      loss: end?.evaluation?.loss ?? null,
      standardError: end?.evaluation?.standardError ?? null,
      excess: end?.evaluation?.excess ?? null,
      excessStandardError: end?.evaluation?.excessStandardError ?? null,
      perplexity: end?.evaluation?.perplexity ?? null,
      retrievalAccuracy: end?.evaluation?.retrievalAccuracy ?? null,
      reference: run.reference.status,
      referenceTensor: reference?.coordinate.tensor ?? null,
      referenceRow: reference?.coordinate.row ?? null,
      referenceCol: reference?.coordinate.col ?? null,
      referenceEffect: reference?.effect ?? null,
      referenceEffectStandardError: reference?.effectStandardError ?? null,
      kept: primary?.kept ?? null,
      disconnected: primary?.disconnected ?? null,
      functional: primary?.functional ?? null,
      redetection: primary?.redetection ?? null,
      rank: primary?.rank ?? null,
      margin: primary?.margin ?? null,
      effect: primary?.effect ?? null,
      effectStandardError: primary?.effectStandardError ?? null,
      newlyConfirmed: end?.newlyConfirmed?.map(coordinateText).join('; ') ?? null,
      evaluationKey: end?.keys['evaluation'] ?? null,
      detectionKey: end?.keys['superWeights'] ?? null,
    };
  });
}

export function runsTable(results: StudyResults): Html {
  const items = results.runs.map((run) => ({
    run,
    end: measuredEnd(results, run),
    weight: measuredEnd(results, run)?.survival.weights[0],
    levels: thresholds(results.study, declarationOf(results, run.experiment), 'minimumEffect'),
  }));
  type Item = (typeof items)[number];
  const fate = (text: (weight: NonNullable<Item['weight']>) => string) => (item: Item) =>
    item.weight !== undefined ? text(item.weight) : item.run.reference.status === 'none-emerged' ? 'n/a' : DASH;
  return table<Item>(
    'All runs at their end. n/a: no super weight emerged, so survival does not apply. A dash: missing. Rank, margin and effect are those of the primary reference super weight; ± is the standard error over the sequences on which zeroing was judged. Disconnected: not pruned, but its hidden unit has lost every input, so it multiplies nothing.',
    [
      { head: 'run', cell: ({ run }) => `${run.experiment} seed ${run.seed}` },
      {
        head: 'status',
        cell: ({ run }) =>
          html`${run.status === 'complete' ? 'complete' : html`<strong class="alert">incomplete</strong>`}${run.computation === runName(run) ? '' : html`<small>the same as ${run.computation}</small>`}`,
      },
      {
        head: 'sparsity',
        numeric: true,
        cell: ({ end }) => spreadText({ n: 1, mean: end?.sparsity ?? null, sd: null }, (share) => percent(share)),
      },
      {
        head: 'perplexity',
        numeric: true,
        cell: ({ end }) => (end?.evaluation ? evaluationPerplexityText(end.evaluation) : DASH),
      },
      ...ofLanguage<Item>(results, {
        head: 'retrieval',
        numeric: true,
        cell: ({ end }) => {
          const accuracy = end?.evaluation?.retrievalAccuracy ?? null;
          return accuracy === null ? DASH : percent(accuracy);
        },
      }),
      { head: 'reference super weight', cell: ({ run }) => html`<span class="line">${referenceText(run)}</span>` },
      {
        head: 'kept',
        cell: fate((weight) => ({ kept: 'yes', disconnected: 'disconnected', pruned: 'no' })[fateOf(weight)]),
      },
      { head: 'matters', cell: fate(({ functional }) => (functional ? 'yes' : 'no')) },
      {
        head: 'found again',
        cell: fate(
          ({ redetection }) =>
            ({ same: 'same place', moved: 'elsewhere', none: 'no', 'not-sought': 'not sought' })[redetection],
        ),
      },
      { head: 'rank', numeric: true, cell: fate(({ rank }) => decimal(rank, 0)) },
      { head: 'margin', numeric: true, cell: fate(({ margin }) => (margin === null ? DASH : decimal(margin, 1, [1]))) },
      {
        head: 'effect',
        numeric: true,
        cell: (item) =>
          fate(({ effect, effectStandardError }) => effectText(effect, effectStandardError, item.levels))(item),
      },
    ],
    items,
  );
}

function referenceText({ reference }: RunResult): string {
  const [primary, ...others] = reference.superWeights;
  if (primary === undefined) return reference.status === 'none-emerged' ? 'none emerged' : 'not known';
  return `${coordinateText(primary.coordinate)}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}

/** Every missing piece by place and key; nothing where nothing is missing. */
export function missingTable({ runs }: StudyResults): Html | '' {
  const items = runs.flatMap(({ missing }) => missing);
  if (items.length === 0) return '';
  return html`<details>
    <summary>${counted(items.length, 'missing artifact')} by place and key</summary>
    ${table(
      'What the plan foresaw and no node delivered. swp show PLACE tells why a node failed.',
      [
        { head: 'place', cell: ({ place }) => place },
        { head: 'artifact', cell: ({ artifact }) => artifact },
        {
          head: 'recipe key',
          cell: ({ key }) => (key === null ? 'not planned' : html`<code>${key.slice(0, 16)}</code>`),
        },
      ],
      items,
    )}
  </details>`;
}

/** A column that only the built-in languages fill. */
function ofLanguage<Item>(results: StudyResults, column: Column<Item>): Column<Item>[] {
  return isOfText(results) ? [] : [column];
}
