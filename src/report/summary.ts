/** The study in a few lines for the terminal, and as JSON for `--json`. Reads results only; draws nothing. */
import { largest } from '../base/extremes.ts';
import type { JsonObject } from '../base/json.ts';
import type { ExperimentResult, Proportion, Spread } from '../generated/results.ts';
import { namesOf } from './arms.ts';
import { ruleText } from './causal-rule.ts';
import { isNamedElsewhere, runCounts } from './computations.ts';
import { noneEmergedText } from './late-emergence.ts';
import { readResults, type StudyResults } from './read-results.ts';
import { QUESTIONS } from './registry.ts';
import {
  countText,
  foundAgainCount,
  counted,
  percent,
  perplexitySpreadText,
  perplexityText,
  scalingText,
  spreadText,
} from './wording.ts';

/** A line, or rows that stand below one another; `names` are of their columns. */
export type SummaryPart = string | { names?: string[]; rows: string[][] };

export interface StudySummary {
  /** What a terminal shows, without colour. */
  parts: SummaryPart[];
  /** The same on a terminal that is wide enough. */
  lines: string[];
  /** The same numbers for scripts. */
  highlights: JsonObject;
}

/** @throws SwpError if the file is not the results of a study */
export async function readSummary(resultsPath: string): Promise<StudySummary> {
  return studySummary(await readResults(resultsPath));
}

export function studySummary(results: StudyResults): StudySummary {
  const parts = summaryParts(results);
  return { parts, lines: parts.flatMap(partLines), highlights: highlights(results) };
}

function summaryParts(results: StudyResults): SummaryPart[] {
  const { total, complete, incomplete, distinct } = runCounts(results);
  const names = ['experiment', 'sparsity', 'perplexity', 'super weight kept', 'still matters', 'found again'];
  const rows: string[][] = [];
  for (const experiment of results.experiments)
    if (!isNamedElsewhere(results, experiment.id)) rows.push(experimentCells(results, experiment));
  const rule = ruleText(results.study);
  // All text has the entropy; these very tokens, which the perplexities above are of, a floor of their own.
  if (results.floor !== null) rows.push(['entropy floor', '', perplexityText(Math.exp(results.floor)), '', '', '']);
  if (results.surprisal !== null)
    rows.push(['of the sample', '', perplexityText(Math.exp(results.surprisal)), '', '', '']);
  const runs = [
    `${results.study.name}: ${counted(total, 'run')}${distinct < total ? ` (${counted(distinct, 'distinct computation')})` : ''}, ${complete} complete${incomplete > 0 ? `, ${incomplete} incomplete (${missingRuns(results)})` : ''}`,
    scalingText(results.study),
  ];
  // Where every run failed early, what failed is all there is to say.
  if (results.experiments.every(({ points }) => points.every(({ loss }) => loss.n === 0))) return runs;
  return [
    ...runs,
    { names, rows },
    ...(rule === '' ? [] : [rule]),
    { rows: QUESTIONS.map(({ number, name, brief }) => [`${number} ${name}`, brief(results)]) },
  ];
}

function experimentCells(results: StudyResults, { id, points }: ExperimentResult): string[] {
  const end = points.at(-1);
  const name = namesOf(results, id);
  if (end === undefined || end.loss.n === 0) return [name, 'no run reached its end', '', '', '', ''];
  const { survival, loss, sparsity } = end;
  const survivalCells =
    survival.n === 0
      ? [survival.noneEmerged > 0 ? noneEmergedText(results, id) : 'not known', '', '']
      : [countText(survival.kept), countText(survival.functional), foundAgainCount(survival)];
  if (survival.disconnected > 0) survivalCells[0] += ` (${survival.disconnected} disconnected)`;
  return [
    name,
    spreadText({ ...sparsity, sd: null }, (share) => percent(share)),
    `${perplexitySpreadText(end)} (n ${loss.n})`,
    ...survivalCells,
  ];
}

/** Names of the incomplete runs, a few of them. */
function missingRuns({ runs }: StudyResults): string {
  const names = runs
    .filter(({ status }) => status === 'incomplete')
    .map(({ experiment, seed }) => `${experiment}/s${seed}`);
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

/** The lines of a part where there is room for the longest of them. */
export function partLines(part: SummaryPart): string[] {
  if (typeof part === 'string') return [part];
  const table = [...(part.names === undefined ? [] : [part.names]), ...part.rows];
  const widths = table[0]!.map((_, column) => largest(table.map((row) => (row[column] ?? '').length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function highlights(results: StudyResults): JsonObject {
  return {
    runs: { ...runCounts(results) },
    rule: ruleText(results.study),
    floor: results.floor,
    surprisal: results.surprisal,
    questions: Object.fromEntries(QUESTIONS.map(({ id, answer }) => [id, answer(results)])),
    experiments: Object.fromEntries(
      results.experiments.map((experiment) => [experiment.id, experimentHighlights(experiment)]),
    ),
  };
}

/** Figures at the experiment's end; survival is null where it does not apply or is not known. */
function experimentHighlights({ points, declared, complete, copies, sameAs, reference }: ExperimentResult): JsonObject {
  const end = points.at(-1);
  const count = ({ k, n }: Proportion) => (n === 0 ? null : { k, n });
  const values = ({ n, mean, sd }: Spread): JsonObject => ({ n, mean, sd });
  return {
    runs: { declared, complete, copies },
    sameAs,
    reference: { ...reference },
    sparsity: end?.sparsity.mean ?? null,
    loss: end === undefined ? null : values(end.loss),
    excess: end === undefined ? null : values(end.excess),
    perplexity: end === undefined ? null : values(end.perplexity),
    survival:
      end === undefined || end.survival.n === 0
        ? null
        : {
            kept: count(end.survival.kept),
            disconnected: end.survival.disconnected,
            functional: count(end.survival.functional),
            redetectedSame: count(end.survival.redetectedSame),
          },
  };
}
