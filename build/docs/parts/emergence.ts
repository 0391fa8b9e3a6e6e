/** When super weights appear, and where the gate errs: docs/super-weights.md, from the study emergence. */
import type { EmergenceCandidate } from '../../../src/generated/results.ts';
import type { RunDetection } from '../../../src/generated/detector-rates.ts';
import { rateText } from '../../../src/science/detector-rates-tables.ts';
import { proportion } from '../../../src/science/statistics/proportion.ts';
import { measured, type EmergenceMeasured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, median, type Part } from '../part.ts';
import { ownTruth, section } from './detector.ts';

type Look = EmergenceMeasured['looks'][number];

const PAGE = 'docs/super-weights.md';
const ORIGINAL = 'original';

export const emergence: Part = {
  blocks: {
    'emergence rates': () => section(measured('emergence').rates, 'Trained models'),
    'emergence missed': missedTable,
    'emergence looks': looksTable,
  },
  sentences: [
    { page: PAGE, says: missedSentence },
    { page: PAGE, says: missedEffectsSentence, holds: () => missed().length > 0 },
    { page: PAGE, says: causalTestSentence },
    { page: PAGE, says: originalSentence },
    { page: PAGE, says: placeSentence },
    { page: PAGE, says: othersSentence },
    { page: PAGE, says: lateSentence },
    { page: PAGE, says: remainingSentence },
  ],
};

function models(): (RunDetection & { experiment: string })[] {
  return ownTruth(measured('emergence').rates).flatMap(({ experiment, runs }) =>
    runs.map((run) => ({ ...run, experiment })),
  );
}

/** Models from other initialisations that hold a super weight by brute force. */
function missed(): (RunDetection & { experiment: string })[] {
  return models().filter(({ experiment, holds, found }) => experiment !== ORIGINAL && holds > 0 && !found);
}

function missedTable(): string {
  return markdownTable(
    ['models', 'seed', 'place', 'rank', 'its spikes', 'its effect, nats'],
    missed().map(({ experiment, seed, best }) => [
      ...[experiment, String(seed), `layer ${best!.layer} [${best!.row}, ${best!.col}]`, String(best!.rank)],
      ...[`${best!.inputRatio.toFixed(1)} x, ${best!.outputRatio.toFixed(1)} x`, `+${best!.effect.toFixed(3)}`],
    ]),
  );
}

function missedSentence(): Wording {
  const held = models().filter(({ experiment, holds }) => experiment !== ORIGINAL && holds > 0);
  const found = held.filter((model) => model.found).length;
  return says`**Of the super weights of the Xavier and Kaiming models the gate finds ${rateText(proportion(found, held.length))}.**`;
}

function missedEffectsSentence(): Wording {
  const all = missed();
  const range = (values: number[], digits: number) =>
    `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
  const next = Math.max(...all.map(({ runnerUp }) => runnerUp!)).toFixed(3);
  const elsewhere = all.filter(({ best, topEffect }) => best!.effect < topEffect / 2).length;
  return says`Those it misses cost ${range(
    all.map(({ topEffect }) => topEffect),
    1,
  )} nats where the next of 300 costs at most ${next}. The output spikes of their best candidates are ${range(
    all.map(({ best }) => best!.outputRatio),
    0,
  )} times the ordinary maximum; it is the input spike, ${range(
    all.map(({ best }) => best!.inputRatio),
    1,
  )} times, that falls short of 4. In ${elsewhere} of the ${all.length} the best candidate is another weight than the one that costs most.`;
}

/** The causal test alone, in the committed models and those of this study, which count once. */
function causalTestSentence(): Wording {
  const { rates } = measured('detector');
  const others = ownTruth(measured('emergence').rates).filter(({ experiment }) => experiment !== ORIGINAL);
  const all = [...ownTruth(rates), ...others];
  const holding = all.reduce((sum, { causalHits }) => sum + causalHits.n, 0);
  const without = all.reduce((sum, { causalFalseAlarms }) => sum + causalFalseAlarms.n, 0);
  const planted = rates.planted.reduce((sum, { candidate }) => sum + candidate.k, 0);
  const hits = all.reduce((sum, { causalHits }) => sum + causalHits.k, 0);
  const claimed = all.reduce((sum, { causalFalseAlarms }) => sum + causalFalseAlarms.k, 0);
  const confirmed = rates.planted.reduce((sum, each) => sum + each.confirmed.k, 0);
  const random = rates.random!.causal;
  return says`With \`spikeRatio: 1\`, ${hits} of the ${holding} models that hold a super weight are found (the six from the original initialisation are the committed ones again), one is claimed in ${claimed} of the ${without} trained models that hold none, and in ${random.k} of ${random.n} layers of random models; the gate confirmed ${confirmed} of the ${planted.toLocaleString('en-US')} planted spikes that reached the ratio of 4.`;
}

function looksOf(scheme: string): Map<number, Look[]> {
  const bySteps = new Map<number, Look[]>();
  for (const look of measured('emergence').looks.filter((each) => each.scheme === scheme))
    bySteps.set(look.step ?? 0, [...(bySteps.get(look.step ?? 0) ?? []), look]);
  return bySteps;
}

/** Medians over seeds, ranges in brackets. */
function looksTable(): string {
  const { looks } = measured('emergence');
  const schemes = [...new Set(looks.map(({ scheme }) => scheme!))];
  const rows = schemes.flatMap((scheme) =>
    [...looksOf(scheme)].map(([step, all]) => {
      const best = all.flatMap((look) => (look.best === null ? [] : [look.best]));
      return [
        scheme,
        step.toLocaleString('en-US'),
        median(all.map(({ excess }) => excess!)).toFixed(3),
        `${all.filter(({ confirmed }) => confirmed! > 0).length}/${all.length}`,
        spread(
          best,
          ({ rank }) => rank,
          (rank) => Math.round(rank).toLocaleString('en-US'),
        ),
        spread(
          best,
          ({ inputRatio, outputRatio }) => Math.min(inputRatio, outputRatio),
          (ratio) => ratio.toFixed(1),
        ),
        spread(
          best,
          ({ effect }) => effect,
          (effect) => (effect < 0.0005 ? '0' : effect.toFixed(3)),
        ),
        `${all.filter(isAtFinalPlace).length}/${all.length}`,
      ];
    }),
  );
  return markdownTable(
    [
      ...['initialisation', 'training step', 'loss above the floor', 'confirmed', 'best candidate: magnitude rank'],
      ...['its spikes', 'its effect, nats', 'at its final place'],
    ],
    rows,
  );
}

function spread(
  all: readonly EmergenceCandidate[],
  value: (best: EmergenceCandidate) => number,
  text: (value: number) => string,
): string {
  const values = all.map(value);
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

function isAtFinalPlace({ scheme, seed, best }: Look): boolean {
  const final = measured('emergence').looks.findLast((look) => look.scheme === scheme && look.seed === seed)!.best;
  const place = (each: EmergenceCandidate | null) =>
    JSON.stringify([each?.coordinate.tensor, each?.coordinate.row, each?.coordinate.col]);
  return best !== null && place(best) === place(final);
}

function originalSentence(): Wording {
  const looks = looksOf(ORIGINAL);
  const counts = [...looks].map(([step, all]) => ({
    step,
    k: all.filter(({ confirmed }) => confirmed! > 0).length,
    n: all.length,
  }));
  const { k, n } = counts.at(-1)!;
  const from = counts.find((count) => count.k > 0)!.step;
  const to = counts.find((count) => count.k === k)!.step;
  return says`**From the original initialisation a super weight emerges in ${inWords(k)} of ${inWords(n)} runs**, between training steps ${from.toLocaleString('en-US')} and ${to.toLocaleString('en-US')}:`;
}

function placeSentence(): Wording {
  const [step] = [...looksOf(ORIGINAL)].find(([, all]) => all.every(isAtFinalPlace))!;
  return says`First comes the place: by training step ${step.toLocaleString('en-US')} the best candidate is at its final place in every run. Then`;
}

function others(): Look[] {
  return measured('emergence').looks.filter(({ scheme }) => scheme !== ORIGINAL);
}

function othersSentence(): Wording {
  const looks = others();
  const confirmed = looks.filter((look) => look.confirmed! > 0).length;
  const held = models().filter(({ experiment, holds }) => experiment !== ORIGINAL && holds > 0).length;
  const all = models().filter(({ experiment }) => experiment !== ORIGINAL).length;
  return says`**Of the looks at Xavier's and Kaiming's ${confirmed} of ${looks.length} confirm one**, although ${inWords(held)} of ${inWords(all)} runs hold one by brute force`;
}

/** The run in which zeroing the super weight costs most at the end: what it cost one look before. */
function lateSentence(): Wording {
  const final = others().toSorted((a, b) => (b.best?.effect ?? 0) - (a.best?.effect ?? 0))[0]!;
  const own = others().filter(({ scheme, seed }) => scheme === final.scheme && seed === final.seed);
  const before = own[own.indexOf(final) - 1]!;
  return says`It emerges late, while the learning rate decays: ${before.best!.effect.toFixed(3)} nats after ${before.step!.toLocaleString('en-US')} training steps and ${final.best!.effect.toFixed(3)} after ${final.step!.toLocaleString('en-US')}, for example.`;
}

function remainingSentence(): Wording {
  const without = models().filter(({ experiment, holds }) => experiment !== ORIGINAL && holds === 0);
  const most = Math.max(...without.map(({ topEffect }) => topEffect));
  return says`In the other ${inWords(without.length)} runs no weight of the 300 largest costs more than ${most.toFixed(2)} nats,`;
}
