/**
 * How a page's numbers were made: unit, seeds, families, machines, lint, and the recipe keys of the nodes behind them.
 */
import { addTo, groupBy } from '../../base/groups.ts';
import { listed } from '../../base/listed.ts';
import type { ComparisonResult, RunResult } from '../../generated/results.ts';
import { familySizes } from '../../science/family-sizes.ts';
import { measuredEnd } from '../arms.ts';
import type { Origin } from '../origin.ts';
import type { StudyResults } from '../read-results.ts';
import { startsText } from '../starting-models.ts';
import type { Topic } from '../topics/topic.ts';
import { levelText } from '../verdict-text.ts';
import { counted, exactPercent, scalingText } from '../wording.ts';
import { fold } from './fold.ts';
import { html, table, type Html } from './html.ts';
import { lintCounts, lintTable } from './lint-table.ts';

export interface Provenance {
  /** SHA-256 of results.json. */
  digest: string;
  origin: Origin | undefined;
  /** Figures that the report lacks, since they could not be drawn. */
  failed: readonly { id: string }[];
}

export function provenance(results: StudyResults, topic: Topic, { digest, origin }: Provenance): Html {
  const comparisons = topic.comparisons(results);
  const experiments = topic.experiments(results);
  const { study } = results;
  const entries: [string, string | Html][] = [
    [
      'Unit of replication',
      `A distinct run: one experiment with one seed, unless it is the same computation as another. ${[startsText(results, experiments), 'Arms that share a starting model are not independent of each other, which is why differences are paired by seed.'].join(' ').trimStart()}`,
    ],
    ['Seeds', seedsText(results, experiments)],
    [
      'Levels, declared before the results',
      `Tests at ${levelText(study.analysis.alpha)} within each family; intervals of ${exactPercent(study.analysis.confidence)}; tolerance of ${String(study.analysis.tolerance)} nats.`,
    ],
    ['Families of tests', familiesText(results, comparisons)],
    ['Steps', scalingText(study)],
    ['Made on', originText(origin)],
    ['Results', html`results.json, SHA-256 <code>${digest}</code>`],
  ];
  const lint = comparisons.flatMap((comparison) => comparison.lint);
  const families = new Set(comparisons.map(({ family }) => family)).size;
  return fold({
    id: 'made',
    title: 'How this was made',
    holds: `unit, seeds, ${families === 0 ? 'no tests' : families === 1 ? '1 family of tests' : `${families} families of tests`}, ${lintCounts(lint)}, machines, recipe keys`,
    content: html`<dl class="definitions">
        ${entries.map(
          ([term, text]) =>
            html`<dt>${term}</dt>
              <dd>${text}</dd> `,
        )}
      </dl>
      ${lintTable(
        lint,
        'What swp lint says of the comparisons on this page. A finding that a person overrode stands with the written reason.',
      )}
      ${keysTable(results, experiments)}`,
  });
}

function seedsText({ study }: StudyResults, ids: readonly string[]): string {
  const bySeeds = new Map<string, string[]>();
  for (const { id, seeds } of study.experiments) if (ids.includes(id)) addTo(bySeeds, listed(seeds.map(String)), id);
  if (bySeeds.size === 0) return 'No experiment of this profile belongs to this page.';
  return `${[...bySeeds].map(([seeds, of]) => `${seeds} (${of.length > 8 ? counted(of.length, 'experiment') : of.join(', ')})`).join('; ')}.`;
}

/** @param comparisons of one page; a family may hold comparisons of other pages, too */
function familiesText({ study }: StudyResults, comparisons: readonly ComparisonResult[]): string {
  const sizes = familySizes(study);
  const families = groupBy(
    comparisons.filter(({ differences }) => differences.length > 0),
    ({ family }) => family,
  );
  if (families.size === 0) return 'No test is declared here.';
  const texts = [...families].map(
    ([family, own]) => `${family}: Holm over m = ${sizes.get(family) ?? 0} (${own.map(({ name }) => name).join(', ')})`,
  );
  return `${texts.join('; ')}. m counts a test for each further arm and metric of the family; a member without a test counts with p = 1.`;
}

export function originText(origin: Origin | undefined): string | Html {
  if (origin === undefined || origin.circumstances.length === 0)
    return 'Not known: the records of the nodes are not at hand.';
  const several =
    origin.circumstances.length > 1
      ? html`<p class="alert">
          The nodes ran under ${origin.circumstances.length} different circumstances: differences between arms can hold
          those between machines or versions.
        </p>`
      : '';
  return html`${origin.circumstances.map(({ nodes, software, machine }) => html`<p>${counted(nodes, 'node')}: ${software}; ${machine}.</p>`)}${several}`;
}

/** The recipe keys behind each run's end, and of the detection that defines what it follows. */
function keysTable(results: StudyResults, ids: readonly string[]): Html | '' {
  const items = results.runs
    .filter(({ experiment }) => ids.includes(experiment))
    .map((run) => ({ run, end: measuredEnd(results, run) }));
  if (items.length === 0) return '';
  const key = (value: string | null | undefined) =>
    value === null || value === undefined ? '–' : html`<code title="${value}">${value.slice(0, 12)}</code>`;
  return html`<details>
    <summary>Recipe keys of ${counted(items.length, 'run')}</summary>
    ${table<{ run: RunResult; end: RunResult['measurements'][number] | undefined }>(
      'The first twelve digits of the recipe keys of the nodes behind each run: of its end, and of the detection that defines the super weights it follows. results.json holds those of every measurement; swp show KEY takes them.',
      [
        { head: 'run', cell: ({ run }) => `${run.experiment} seed ${run.seed}` },
        { head: 'status', cell: ({ run }) => run.status },
        { head: 'evaluation', cell: ({ end }) => key(end?.keys['evaluation']) },
        { head: 'detection', cell: ({ end }) => key(end?.keys['superWeights']) },
        { head: 'reference', cell: ({ run }) => key(run.reference.key) },
        { head: 'last training', cell: ({ run }) => key(run.curves.at(-1)?.key) },
      ],
      items,
    )}
  </details>`;
}
