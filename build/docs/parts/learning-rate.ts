/** How the learning rate of retraining was chosen: docs/pipeline.md, from the study learning-rate. */
import { measured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, type Part } from '../part.ts';

const PAGE = 'docs/pipeline.md';
/** What an evaluation can show, nats. */
const TOLERANCE = 0.001;
const CHOSEN = 1e-3;

export const learningRate: Part = {
  blocks: { 'learning rates': ratesTable },
  sentences: [
    { page: PAGE, says: startSentence },
    { page: PAGE, says: chosenSentence, holds: () => largestThatLeaves() === CHOSEN },
  ],
};

/** Mean over seeds of the validation loss at the end of a round. */
function meanLoss(rate: number, round: number): number {
  const losses = measured('learning-rate').losses.filter((each) => each.rate === rate && each.round === round);
  return losses.reduce((sum, { loss }) => sum + loss, 0) / losses.length;
}

function rates(): number[] {
  return [...new Set(measured('learning-rate').losses.map(({ rate }) => rate))].sort((a, b) => a - b);
}

function lastRound(): number {
  return Math.max(...measured('learning-rate').losses.map(({ round }) => round));
}

function startLoss(): number {
  return meanLoss(CHOSEN, 0);
}

/** The largest rate that leaves the unpruned model where it started. */
function largestThatLeaves(): number | undefined {
  return rates().findLast((rate) => Math.abs(meanLoss(rate, lastRound()) - startLoss()) <= TOLERANCE);
}

function ratesTable(): string {
  const rounds = Array.from({ length: lastRound() }, (_, i) => i + 1);
  const bold = (text: string, rate: number) => (rate === CHOSEN ? `**${text}**` : text);
  const rows = rates().map((rate) => [
    bold(rate.toExponential(), rate),
    ...rounds.map((round) => bold(meanLoss(rate, round).toFixed(4), round === lastRound() ? rate : NaN)),
  ]);
  return markdownTable(['learning rate', ...rounds.map((round) => `round ${round}`)], rows);
}

function startSentence(): Wording {
  const seeds = new Set(measured('learning-rate').losses.map(({ seed }) => seed)).size;
  return says`nats per token (mean of ${inWords(seeds)} seeds; the starting models have ${startLoss().toFixed(4)}):`;
}

function chosenSentence(): Wording {
  const next = rates()[rates().indexOf(CHOSEN) + 1]!;
  const above = (rate: number) => meanLoss(rate, lastRound()) - startLoss();
  const text = `${Math.abs(above(CHOSEN)).toFixed(4)} ${above(CHOSEN) < 0 ? 'below' : 'above'}`;
  return says`That is 1e-3: it ends ${text}, the next one ${above(next).toFixed(3)} above.`;
}
