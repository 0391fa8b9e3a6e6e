/** The detector's error rates in docs/super-weights.md, and the tables of the committed models. */
import { decimal, signed } from '../../../src/base/number-text.ts';
import type { DetectorRates, RunDetection, TrainedRates } from '../../../src/generated/detector-rates.ts';
import { rateText, ratesTables } from '../../../src/science/detector-rates-tables.ts';
import { proportion } from '../../../src/science/statistics/proportion.ts';
import { measured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, type Part } from '../part.ts';
import { MODELS } from '../studies.ts';

const PAGE = 'docs/super-weights.md';

export const detector: Part = {
  blocks: {
    'detector planted': () => section(rates(), 'Random models with a planted spike'),
    'detector random': () => section(rates(), 'Random models as they are'),
    'detector models': () => section(rates(), 'Trained models'),
    'detector thresholds': () => section(rates(), 'By thresholds'),
    'detector runs': () => section(rates(), 'Each trained model'),
    ...Object.fromEntries(MODELS.map((model) => [`model ${model}`, () => modelTable(model)])),
  },
  sentences: [
    { page: PAGE, says: randomModelsSentence },
    { page: PAGE, says: plantedSentence },
    {
      page: PAGE,
      says: () => says`The causal test refuses every one, rightly:`,
      holds: () => rates().planted.every(({ confirmed }) => confirmed.k === 0),
    },
    { page: PAGE, says: () => says`All but ${inWords(unlearned().length)} have learned their task` },
    { page: PAGE, says: unlearnedSentence, holds: () => unlearned().length === 1 },
    { page: PAGE, says: thresholdsSentence },
    { page: PAGE, says: loosenedSentence },
    { page: PAGE, says: nearestSentence },
    { page: PAGE, says: runnersUpSentence },
    {
      page: PAGE,
      says: () => says`what random models show (at most ${decimal(rates().random!.largestRatio, 2)}, see below)`,
    },
    {
      page: PAGE,
      says: () => says`what the committed models' super weights show (${decimal(smallestSpike(), 1)} and more).`,
    },
    {
      page: PAGE,
      says: () => says`what weights of random models cost (at most ${decimal(rates().random!.largestEffect, 2)} nats).`,
    },
  ],
};

/** A section of the tables that the stage rate-detector writes, without its heading. */
export function section(of: DetectorRates, heading: string): string {
  const found = ratesTables(of)
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`The detector's tables have no section "${heading}".`);
  return found.slice(heading.length + 1).trim();
}

/** The experiments with the default thresholds, each judged by its own brute force. */
export function ownTruth(of: DetectorRates): TrainedRates[] {
  return of.trained.filter(({ experiment, truth }) => experiment === truth);
}

function rates(): DetectorRates {
  return measured('detector').rates;
}

function runs(): (RunDetection & { model: string })[] {
  return ownTruth(rates()).flatMap(({ model, runs }) => runs.map((run) => ({ ...run, model })));
}

function unlearned(): (RunDetection & { model: string })[] {
  return runs().filter(isUnlearned);
}

function isUnlearned({ excess, retrievalAccuracy }: RunDetection): boolean {
  return excess! > 0.05 || retrievalAccuracy! < 0.95;
}

function smallestSpike(): number {
  const held = runs().filter(({ holds }) => holds > 0);
  return Math.min(...held.map(({ best }) => Math.min(best!.inputRatio, best!.outputRatio)));
}

function randomModelsSentence(): Wording {
  const seeds = new Set(measured('detector').models.map(({ seed }) => seed)).size;
  return says`on other sequences than the detector reads. ${rates().random!.models / seeds} random models for each of ${inWords(seeds)} seeds:`;
}

function plantedSentence(): Wording {
  const found = (strength: number) => {
    const { k, n } = rates().planted.find((each) => each.strength === strength)!.candidate;
    return k === n ? `all ${n}` : `${k} of ${n}`;
  };
  return says`At twice the threshold ${found(8)} are found, at four times ${found(16)}; at the threshold, the sample decides.`;
}

function unlearnedSentence(): Wording {
  const { seed } = unlearned()[0]!;
  const { falseAlarms } = ownTruth(rates()).find(({ model }) => model === 'marker-retrieval-gelu')!;
  return says`Seed ${seed} of the GELU model counts although it has not finished learning; without it the row reads ${rateText(proportion(falseAlarms.k, falseAlarms.n - 1))}. "The`;
}

/** What changing one threshold alone does: names those that change a count. */
function thresholdsSentence(): Wording {
  const [base, ...others] = rates().byThresholds;
  const changed = (each: (typeof others)[number]) =>
    (['spikeRatio', 'minimumEffect', 'controlFactor'] as const).filter(
      (name) => each.thresholds[name] !== base!.thresholds[name],
    );
  const differing = others.filter(
    (each) =>
      changed(each).length === 1 && (each.hits.k !== base!.hits.k || each.falseAlarms.k !== base!.falseAlarms.k),
  );
  const [only] = differing;
  const misses = only && base!.hits.k - only.hits.k;
  const text =
    only === undefined
      ? 'no change of one threshold changes a count'
      : differing.length === 1 && only.falseAlarms.k === base!.falseAlarms.k && changed(only)[0] === 'minimumEffect'
        ? `only a minimum effect of ${only.thresholds.minimumEffect} nats misses ${inWords(misses!)} (${weakest()})`
        : `${inWords(differing.length)} of these changes change a count`;
  return says`In these ${inWords(runs().length)} models each threshold can be halved or doubled: ${text}. Loosened`;
}

function weakest(): string {
  const held = runs().filter(({ holds }) => holds > 0);
  const { seed, topEffect } = held.toSorted((a, b) => a.topEffect - b.topEffect)[0]!;
  return `seed ${seed}, whose super weight costs ${decimal(topEffect, 2)}`;
}

function loosenedSentence(): Wording {
  const loose = rates().trained.filter(({ experiment }) => experiment.endsWith('-loose'));
  const alarms = loose.flatMap(({ model, runs }) =>
    runs.filter(({ holds, confirmed }) => holds === 0 && confirmed > 0).map(({ seed }) => `seed ${seed} of ${model}`),
  );
  return says`Loosened all at once, ${inWords(alarms.length)} models pass that should not: ${alarms.join(', ')}. The`;
}

/** The model without a super weight that comes nearest to the minimum effect, of those that have learned. */
function nearestSentence(): Wording {
  const learned = runs().filter((run) => run.holds === 0 && !isUnlearned(run));
  const near = learned.toSorted((a, b) => b.topEffect - a.topEffect)[0]!;
  const { thresholds } = ownTruth(rates())[0]!;
  const share = Math.round((100 * near.topEffect) / thresholds.minimumEffect);
  return says`The defaults are nearest to an error for seed ${near.seed} of ${near.model}: its largest weight costs ${decimal(near.topEffect, 3)} nats, ${share} % of the minimum effect, with an output spike of ${decimal(near.best!.outputRatio, 1)} times but an input spike of only ${decimal(near.best!.inputRatio, 1)} times the ordinary maximum.`;
}

function runnersUpSentence(): Wording {
  const large = ownTruth(rates())
    .find(({ model }) => model === 'marker-retrieval')!
    .runs.filter(({ runnerUp }) => runnerUp! > 0.2);
  const [seeds, costs] = [large.map(({ seed }) => seed), large.map(({ runnerUp }) => decimal(runnerUp!, 2))];
  return says`In seeds ${seeds.join(' and ')} of marker-retrieval the runner-up is the weight of \`gate_proj\` that opens the super weight's own hidden channel (${costs.join(' and ')} nats).`;
}

/** The table in a model's README: its confirmed super weight, or else the candidate that costs most. */
function modelTable(of: string): string {
  const head = ['seed', 'loss, nats', 'above the floor', 'super weight', 'down_proj of', 'value'];
  return markdownTable(
    [...head, 'zeroing it costs, nats', 'perplexity', 'worst matched control'],
    measured('detector')
      .models.filter(({ model }) => model === of)
      .toSorted((a, b) => a.seed - b.seed)
      .map(({ seed, loss, excess, excessStandardError, confirmed, best }) => [
        ...[String(seed), decimal(loss, 4), `${decimal(excess, 4)} ± ${decimal(excessStandardError, 4)}`],
        ...[confirmed > 0 ? 'yes' : 'no'],
        `layer ${best.layer} [${best.row}, ${best.col}]`,
        ...[decimal(best.value, 2), signed(best.effect, 2), `x${decimal(Math.exp(best.effect), 1)}`],
        best.worstControl === null ? '-' : signed(best.worstControl, 3),
      ]),
  );
}
