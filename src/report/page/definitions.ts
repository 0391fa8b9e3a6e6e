/**
 * How each number was defined, in words and with the parameter values of this very study. What a parameter is and why
 * it has its value is what its stage's schema says: one text for editors, errors and reports, which cannot drift apart.
 */
import { isDeepStrictEqual } from 'node:util';
import { entryOf } from '../../base/json.ts';
import { addTo } from '../../base/groups.ts';
import { listed } from '../../base/listed.ts';
import detectSchema from '../../../schemas/stages/detect-sw.schema.json' with { type: 'json' };
import pruneSchema from '../../../schemas/stages/prune.schema.json' with { type: 'json' };
import rewindSchema from '../../../schemas/stages/rewind.schema.json' with { type: 'json' };
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import {
  declaredValue,
  foreignPruningStages,
  paramValues,
  pruningStages,
  type ParamName,
  type StageName,
} from '../../science/study-declaration.ts';
import { isOfText } from '../above-floor.ts';
import { criteriaOf } from '../pruned-arms.ts';
import { startsText } from '../starting-models.ts';
import type { StudyResults } from '../read-results.ts';
import { levelText } from '../verdict-text.ts';
import { counted, decimal, exactPercent, scalingText, valuesText } from '../wording.ts';
import { html, table, type Html, type TableHtml } from './html.ts';

/** The definitions, and how many there are. */
export function definitions(results: StudyResults): { holds: string; content: Html } {
  const terms = entries(results);
  const tables = [
    parameters(results.study, 'detect-sw', detectSchema, 'What counts as a super weight (stage detect-sw).'),
    ...(hasStage(results.study, 'prune')
      ? [parameters(results.study, 'prune', pruneSchema, 'What is pruned (stage prune).')]
      : []),
    ...(hasStage(results.study, 'rewind')
      ? [parameters(results.study, 'rewind', rewindSchema, 'What training goes on from (stage rewind).')]
      : []),
  ];
  const content = html`<dl class="definitions">
      ${terms.map(
        ([term, text]) =>
          html`<dt>${term}</dt>
            <dd>${text}</dd> `,
      )}
    </dl>
    <h3>The definition’s parameters, and why they are what they are</h3>
    <div class="wide">${tables}</div>`;
  const rows = tables.reduce((sum, each) => sum + each.rows, 0);
  return { holds: `${counted(terms.length, 'term')}, ${counted(rows, 'parameter')}`, content };
}

function hasStage({ experiments }: StudyDeclaration, stage: StageName): boolean {
  return experiments.some(({ params }) => Object.hasOwn(params, stage));
}

/** Parameters that say how something is computed, and not what it means: the tables leave them out. */
const MACHINERY = new Set(['model', 'engine', 'device', 'precision', 'batchSize', 'microBatchSize']);

interface StageSchema {
  properties: Record<string, { description?: string; default?: unknown; defaultOfLarge?: unknown }>;
}

/** A stage's parameters: its own descriptions, the values in this study, and what they are where nothing is said. */
function parameters(study: StudyDeclaration, stage: string, { properties }: StageSchema, caption: string): TableHtml {
  const items = Object.entries(properties).filter(([name]) => !MACHINERY.has(name));
  return table<(typeof items)[number]>(
    caption,
    [
      { head: 'parameter', cell: ([name]) => `${stage}.${name}` },
      { head: 'in this study', cell: ([name]) => valueCell(study, stage, name) },
      { head: 'default', cell: ([, property]) => defaultCell(property) },
      { head: 'what it is, and why', prose: true, cell: ([, { description }]) => description ?? '–' },
    ],
    items,
  );
}

/** The default, and that of a model that counts as a large one where it is another. */
function defaultCell({ default: usual, defaultOfLarge: ofLarge }: StageSchema['properties'][string]): Html | string {
  if (usual === undefined) return '–';
  const token = html`<span class="token">${plain(usual)}</span>`;
  return ofLarge === undefined ? token : html`${token}<small>${plain(ofLarge)} of large models</small>`;
}

const RETRIEVAL: [string, string] = [
  'Retrieval accuracy',
  'The share of answerable queries whose answer has the highest probability.',
];

/** What a loss is held against where the language is known. */
function floorEntries({ floor, surprisal }: StudyResults): [string, string][] {
  return [
    [
      'Entropy floor',
      floor === null
        ? 'Unknown for this corpus, or the evaluations disagree on it.'
        : `${decimal(floor, 4)} nats per token: the exact entropy of the language given the whole prefix, by dynamic programming. No model can do better on average, over all text.`,
    ],
    [
      'Above the floor',
      surprisal === null
        ? 'Not given: the probabilities of this text are not known, or runs were evaluated on different tokens.'
        : `The loss minus ${decimal(surprisal, 4)} nats, what the language itself loses on the very same held-out tokens (the mean of \u2212ln p, p being each token’s known probability given its prefix). A finite sample is easier or harder than the entropy says; held against its own tokens, what is left is the model’s, and its standard error holds nothing of that.`,
    ],
  ];
}

/** Whether a detection of the study tests the known super weights alone. */
function isEverUnsought({ experiments }: StudyDeclaration): boolean {
  return experiments.some((experiment) => paramValues(experiment, 'detect-sw', 'search').includes('none'));
}

/** What the models of a text read. */
function textEntries(study: StudyDeclaration): [string, string][] {
  const share = (part: string) => `${part} ${valueText(study, 'tokenize', part)}`;
  return [
    [
      'Text',
      `Tokenised once, by the model's own tokenizer, in parts that share no token: ${['calibration', 'candidates', 'causal', 'evaluation'].map(share).join(', ')} of the tokens, and training the rest. Every sequence is a start token and a window of its part. Training reads all windows of its part, in an order drawn anew each time, before it reads one again; whatever else reads the text reads a window once. Nothing is known of the least loss that is possible on a text, so losses are compared with one another alone.`,
    ],
  ];
}

function entries(results: StudyResults): [string, string][] {
  const { study, runs } = results;
  const ofText = isOfText(results);
  const value = (stage: string, name: string) => valueText(study, stage, name);
  const prunable = runs.flatMap(({ measurements }) =>
    measurements.flatMap(({ detection }) => detection?.prunableWeights ?? []),
  )[0];
  return [
    [
      'Candidate',
      `In one forward pass over ${value('detect-sw', 'candidateSequences')} held-out sequences, the arg-max of |input| and of |output| of each layer's down projection names a weight: row = output channel, column = input channel (Yu et al. 2024). It is a candidate if both maxima are at least ${value('detect-sw', 'spikeRatio')} times ${ordinaryText(study)} in the same tensor.${contributionsText(study)} After zeroing what was confirmed, spikes are sought again, up to ${value('detect-sw', 'rescans')} times.`,
    ],
    [
      'Super weight',
      `A candidate that passes a causal test on other data (${value('detect-sw', 'causalSequences')} sequences of ${value('detect-sw', 'sequenceLength')} tokens): zeroing it alone must raise the loss by at least ${value('detect-sw', 'minimumEffect')} nats per token and by at least ${value('detect-sw', 'controlFactor')} times as much as zeroing the worst of its matched controls (${value('detect-sw', 'controlsPerKind')} each: the next-largest of the tensor, same row, same column, random). A spike alone does not count.${jointText(study)}`,
    ],
    [
      'Reference set',
      'The super weights whose fate a run follows. Pretrained arms: those confirmed on the starting model. Re-initialised arms: those confirmed after the first training, before its prune; nothing of the checkpoint is left in them. If none was confirmed, survival is "not applicable: none emerged". Where a set holds several, the one whose removal hurt most when it was confirmed (the primary one) stands for the run in every k of n.',
    ],
    [
      'Survival, three ways',
      `Mask bit (kept): the weight is not pruned, and it multiplies something; one that is there but whose hidden unit has lost every input is disconnected, and not kept. Functional (still matters): zeroing it now still costs ${value('detect-sw', 'minimumEffect')} nats or more and ${value('detect-sw', 'controlFactor')} times its worst control. Re-detection: the detector confirms a super weight now at the same place, elsewhere (moved), or nowhere${isEverUnsought(study) ? "; where detect-sw.search is 'none', the known places alone were tested, and re-detection is not known" : ''}. They are read after the mask was applied, and they can disagree.`,
    ],
    [
      'Rank and margin',
      `Rank among all ${prunable === undefined ? '' : `${decimal(prunable, 0)} `}weights of the blocks' matrices by absolute value, 1 = largest. Margin: its absolute value over the threshold of the last prune; 0 if it is pruned. A kept weight that shrank in retraining can fall below 1.${criteriaOf(study, study.experiments).includes('magnitude') ? ' For a weight of rank 1 the mask bit alone is nearly bound to survive magnitude pruning, so read rank, margin and effect with it.' : ''}`,
    ],
    [
      'Effect',
      'Nats per token that zeroing the weight costs on the causal stream; 0 if it is pruned. Perplexity is multiplied by exp(effect).',
    ],
    [
      'Sparsity',
      `The fraction of the weights of the blocks' matrices that are zero (never the density). ${pruningText(study)}`,
    ],
    [
      'Just pruned and retrained',
      'Each round trains, prunes and measures; after the last prune one more training follows. So every sparsity is measured twice: right after the prune, and after the training that follows it.',
    ],
    [
      'Perplexity',
      `exp of the mean negative log-likelihood in nats per predicted token over ${value('eval', 'sequences')} held-out sequences of ${value('eval', 'sequenceLength')} tokens that nothing else reads; the same sequences for every run, so differences are paired. Every token after the first of a sequence is scored; the first is ${ofText ? 'the start token' : 'BOS where the language has one'}.`,
    ],
    ...(ofText ? textEntries(study) : floorEntries(results)),
    [
      'Two errors of a loss',
      'Over runs: how far another run would be (± and intervals). Over held-out sequences (“sample”): how far the same runs would be on all text. All runs read the same sequences, so the spread over runs does not hold the second; sequences are no replicates, and no test here rests on them.',
    ],
    ...(ofText ? [] : [RETRIEVAL]),
    [
      'Retraining',
      `AdamW, learning rate ${value('train', 'learningRate')} (${value('train', 'schedule')}, ${value('train', 'warmupSteps')} warm-up steps), betas ${value('train', 'beta1')} and ${value('train', 'beta2')}, weight decay ${value('train', 'weightDecay')}, gradient clipped to ${value('train', 'clipNorm')}, ${value('train', 'batchSize')} sequences a step; optimizer state between rounds: ${value('train', 'optimizerState')}. A batch is a pure function of the stream (${value('train', 'stream')}${ofText ? '' : '; the committed checkpoints were pretrained on train-data'}), the seed and the run's cumulative step, so arms of one seed see the same data.`,
    ],
    [
      'Replication and spread',
      `The unit is a distinct run: one experiment with one seed. Runs of which all that was measured is equal to the bit are one computation, whatever seeds or arms name them, and count once; an arm all of whose runs are those of another is that arm under another name (A = B). ${startsText(
        results,
        study.experiments.map(({ id }) => id),
      )} ± is the sample standard deviation over runs (n \u2212 1). Intervals are ${exactPercent(study.analysis.confidence)}: Student\u2019s t on log-perplexity, Clopper-Pearson for k of n. Perplexities of arms are compared by the difference of their logarithms, paired by seed.`,
    ],
    [
      'Base rate',
      'What a kept mask bit is worth: the share of all weights of the super weight’s own tensor that are kept, and of the matched controls that were chosen when it was confirmed. A survival that is no higher than these says nothing about super weights.',
    ],
    [
      'Tests',
      `Of each declared comparison, the exact sign-flip test of the paired differences; of survivals, exact McNemar or Fisher tests; adjusted by Holm over the declared family, at ${levelText(study.analysis.alpha)}. Beside every p stands the smallest that this n could have given: where that exceeds the level, the report says that the difference cannot be called significant, and never that there is none. Families, levels and comparisons were declared before the results.`,
    ],
    [
      'Sweet spot',
      `The largest sparsity up to which the one-sided ${exactPercent(study.analysis.confidence)} upper bound of the mean increase in log-perplexity over the positive control stays under ${String(study.analysis.tolerance)} nats; sought from the lowest sparsity upwards, ending at the first level that fails.`,
    ],
    [
      'Mask stability',
      'The Jaccard index of two masks: positions kept by both over positions kept by either. Chance is what independent masks that keep as many weights of each tensor would reach; it falls with sparsity, so an index says nothing without it.',
    ],
    ['Scaling', scalingText(study)],
  ];
}

/** How a round prunes, as far as it is known: what a stage of the study's own does, its parameters say. */
function pruningText(study: StudyDeclaration): string {
  const own = study.experiments.filter((experiment) => pruningStages(study, experiment).includes('prune'));
  const value = (name: ParamName<'prune'>) => valueText({ ...study, experiments: own }, 'prune', name);
  const others = own.filter((experiment) =>
    paramValues(experiment, 'prune', 'criterion').some((of) => of !== 'magnitude'),
  );
  const which =
    criteriaOf(study, own).join() === 'magnitude'
      ? `weights with the smallest magnitudes${others.length === 0 ? '' : ` (but by another criterion in ${listed(others.map((experiment) => `${experiment.id}: ${plain(declaredValue(experiment, 'prune', 'criterion'))}`))})`}, exactly the rounded number, ties broken by index`
      : `weights, exactly the rounded number; criterion: ${value('criterion')}`;
  const byPrune =
    hasStage(study, 'prune') && own.length > 0
      ? [
          `Prunable: ${value('prunable')}. A round prunes ${value('fraction')} of the ${value('of')} ${which}; scope: ${value('scope')}.`,
        ]
      : [];
  const foreign = foreignPruningStages(study).map((stage) => {
    const names = new Set(study.experiments.flatMap(({ params }) => Object.keys(entryOf(params, stage) ?? {})));
    const values = [...names].map((name) => `${name}: ${valueText(study, stage, name)}`);
    return `The study's own stage "${stage}" decides what it prunes${values.length === 0 ? '' : ` (${values.join('; ')})`}.`;
  });
  return [...byPrune, ...foreign].join(' ');
}

/** Experiments that share the commonest value are named up to this many. */
const NAMED = 6;

/** A parameter's values in this study, each with the experiments that have it, the commonest first. */
function experimentsByValue(
  { experiments }: StudyDeclaration,
  stage: string,
  name: string,
  unsaid: string,
): [string, string[]][] {
  const byValue = new Map<string, string[]>();
  for (const experiment of experiments) {
    const text = plain(declaredValue(experiment, stage, name), unsaid);
    addTo(byValue, text, experiment.id);
  }
  const [most] = [...byValue.values()].sort((a, b) => b.length - a.length);
  return [...byValue].map(([text, ids]) => [text, ids === most && ids.length > NAMED ? ['all others'] : ids]);
}

/** What spikes are measured against. Studies of earlier releases do not state it: it was the maximum. */
function ordinaryText(study: StudyDeclaration): string {
  const quantile = valueText(study, 'detect-sw', 'ordinaryQuantile');
  return quantile === '1' || quantile === UNSTATED
    ? 'the maximum over ordinary tokens'
    : `what ordinary tokens reach (quantile ${quantile} of their maxima)`;
}

function contributionsText(study: StudyDeclaration): string {
  const contributions = valueText(study, 'detect-sw', 'contributions');
  return contributions === '0' || contributions === UNSTATED
    ? ''
    : ` So are, of each layer, the ${contributions} weights with the largest |input × weight| at the token where its output peaks, if both their channels spike there and zeroing them all costs enough.`;
}

function jointText(study: StudyDeclaration): string {
  const size = valueText(study, 'detect-sw', 'jointSize');
  return size === '1' || size === UNSTATED
    ? ''
    : ` Candidates of one layer and output channel were zeroed together as well, up to ${size}: weights that make up for one another cost little alone. What was found of such sets, and what became of them, is in the tables of the page on survival.`;
}

const UNSTATED = '(not stated)';

/** `0.1 (A1, B1) and [0.9, 0 × 4] (prune90)`. */
function valueText(study: StudyDeclaration, stage: string, name: string): string {
  const values = experimentsByValue(study, stage, name, UNSTATED);
  if (values.length === 1) return values[0]![0];
  return listed(values.map(([text, ids]) => `${text} (${ids.join(', ')})`));
}

/** One line a value; a value is not broken. */
function valueCell(study: StudyDeclaration, stage: string, name: string): Html {
  const values = experimentsByValue(study, stage, name, 'as by default').map(
    ([text, ids], _, all): [string, string] => [text, all.length === 1 ? '' : ids.join(', ')],
  );
  return html`${[...values, ...valuesOfSteps(study, stage, name)].map(
    ([text, where]) =>
      html`<div class="value">
        <span class="token">${text}</span>${where === '' ? '' : html`<small>${where}</small>`}
      </div>`,
  )}`;
}

/** What single steps of the stage have of their own, where it is another value than their stage's; and where. */
function valuesOfSteps(study: StudyDeclaration, stage: string, name: string): [string, string][] {
  const byValue = new Map<string, string[]>();
  for (const experiment of study.experiments)
    for (const [step, { params }] of Object.entries(experiment.steps ?? {})) {
      const value = entryOf(params, name);
      if (entryOf(study.steps, step)?.stage !== stage || value === undefined) continue;
      if (isDeepStrictEqual(value, declaredValue(experiment, stage, name))) continue;
      addTo(byValue, JSON.stringify([step, plain(value)]), experiment.id);
    }
  return [...byValue].map(([of, ids]) => {
    const [step, text] = JSON.parse(of) as [string, string];
    return [text, ids.length === study.experiments.length ? `in ${step}` : `in ${step} (${ids.join(', ')})`];
  });
}

function plain(value: unknown, unsaid = UNSTATED): string {
  if (value === undefined) return unsaid;
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? 'none' : value.length === 1 ? String(value[0]) : `[${valuesText(value)}]`;
}
