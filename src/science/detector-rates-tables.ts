/** The detector's rates as Markdown: what docs/super-weights.md shows. */
import { decimal, signed } from '../base/number-text.ts';
import type { DetectorRates, Rate, RunDetection, ThresholdRates, TrainedRates } from '../generated/detector-rates.ts';

/** Where there is nothing to say. */
const NONE = '-';

/** Tables under headings, each row as wide as it comes. */
export function ratesTables({ trained, byThresholds, planted, random }: DetectorRates): string {
  const sections: string[][] = [];
  if (trained.length > 0)
    sections.push(
      ['## Trained models', ...ratesByModel(trained)],
      ['## By thresholds', ...ratesByThresholds(byThresholds)],
      ['## Each trained model', ...runsOfTrained(trained)],
    );
  if (planted.length > 0)
    sections.push([
      '## Random models with a planted spike',
      ...table(
        ['strength', 'place named', 'candidate', 'another candidate', 'confirmed (false alarm)'],
        planted.map(({ strength, located, candidate, others, confirmed }) => [
          String(strength),
          ...[located, candidate, others, confirmed].map(rateText),
        ]),
      ),
    ]);
  if (random)
    sections.push([
      '## Random models as they are',
      ...table(
        [
          'models',
          'layers with a candidate',
          'layers that pass the causal test',
          'models with a confirmed one',
          'largest spike',
          'largest effect, nats',
        ],
        [
          [
            String(random.models),
            rateText(random.candidates),
            rateText(random.causal),
            rateText(random.confirmed),
            `${decimal(random.largestRatio, 2, [1])} x`,
            decimal(random.largestEffect, 5),
          ],
        ],
      ),
    ]);
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** `6/6 (54-100 %)` */
export function rateText({ k, n, interval }: Rate): string {
  if (interval === null) return NONE;
  const [low, high] = [100 * interval.lower, 100 * interval.upper];
  return `${k}/${n} (${decimal(low, 0, [high, 100])}-${decimal(high, 0, [low, 100])} %)`;
}

function ratesByModel(trained: readonly TrainedRates[]): string[] {
  return table(
    ['models', 'hits', 'false alarms', 'hits of the causal test alone', 'its false alarms'],
    ownTruth(trained).map(({ experiment, hits, falseAlarms, causalHits, causalFalseAlarms }) => [
      experiment,
      ...[hits, falseAlarms, causalHits, causalFalseAlarms].map(rateText),
    ]),
  );
}

function ratesByThresholds(rates: readonly ThresholdRates[]): string[] {
  return table(
    ['spike ratio', 'minimum effect', 'control factor', 'hits', 'false alarms'],
    rates.map(({ thresholds: { spikeRatio, minimumEffect, controlFactor }, hits, falseAlarms }) =>
      [spikeRatio, minimumEffect, controlFactor, rateText(hits), rateText(falseAlarms)].map(String),
    ),
  );
}

/** The experiments that are judged by their own brute force: each set of models once. */
function ownTruth(trained: readonly TrainedRates[]): TrainedRates[] {
  return trained.filter((rates) => rates.truth === rates.experiment);
}

function runsOfTrained(trained: readonly TrainedRates[]): string[] {
  return table(
    [
      'models',
      'seed',
      'above the floor',
      'retrieval',
      'worst of the largest weights',
      'runner-up',
      'stand apart',
      'best candidate',
      'its spikes',
      'its effect',
      'confirmed',
    ],
    ownTruth(trained).flatMap(({ experiment, runs }) => runs.map((run) => [experiment, ...runCells(run)])),
  );
}

function runCells({
  seed,
  excess,
  excessStandardError,
  retrievalAccuracy,
  topEffect,
  runnerUp,
  holds,
  best,
  confirmed,
}: RunDetection): string[] {
  return [
    String(seed),
    withError(excess, excessStandardError),
    retrievalAccuracy === null ? NONE : decimal(retrievalAccuracy, 3, [1]),
    signed(topEffect, 3),
    runnerUp === null ? NONE : signed(runnerUp, 3),
    String(holds),
    ...(best === null
      ? [NONE, NONE, NONE]
      : [
          `layer ${best.layer} [${best.row}, ${best.col}], rank ${best.rank}`,
          `${decimal(best.inputRatio, 1, [1])} x, ${decimal(best.outputRatio, 1, [1])} x`,
          signed(best.effect, 3),
        ]),
    String(confirmed),
  ];
}

/** `0.0112 ± 0.0004`: a mean over held-out sequences and its standard error. */
function withError(value: number | null, error: number | null): string {
  if (value === null) return NONE;
  return error === null ? decimal(value, 4) : `${decimal(value, 4)} ± ${decimal(error, 4)}`;
}

function table(head: string[], rows: string[][]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
