/** swp history: what the runs of this study did, and what became of a node over them. */
import type { Command } from 'commander';
import type { HistoryEntry } from '../../cache/run-history.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

const SHOWN_RUNS = 20;

export function declareHistory(program: Command): Command {
  const command = program
    .command('history')
    .description('List the runs of this study, or what became of some nodes over them.')
    .argument('[selectors...]', 'only what happened to these nodes')
    .addHelpText(
      'after',
      `
Examples:
  swp history                              runs, the newest first
  swp history stage=train experiment=A1    each time one of these was computed, or failed
  swp history --json                       {"runs":[{startedAt, seconds, estimate?, accuracy?, user, host, git, counts, nodes:[...]}]}

A run that found nothing to do is not listed. \`estimated\`: what its nodes were expected to take, and how many times
as long they took; swp estimate --check says it by stage.
${SELECTOR_HELP}`,
    )
    .action(history);
  return withStudyOptions(command);
}

async function history(words: string[], options: ProjectOptions): Promise<void> {
  const [{ readHistory }, { studyFolder }, { locate }] = await Promise.all([
    import('../../cache/run-history.ts'),
    import('../../cache/study-state.ts'),
    import('../../project/location.ts'),
  ]);
  const { path, cache } = locate(options);
  const runs = readHistory(studyFolder(cache, path));
  const terminal = openTerminal();
  if (words.length === 0) {
    if (options.json) terminal.line(JSON.stringify({ runs: await withAccuracy(runs) }));
    else await writeRuns(runs, terminal);
    return;
  }
  const { openProject, planProject, selectPlanned } = await import('../../project/project.ts');
  const { placeOf } = await import('../../engine/stage.ts');
  const project = await openProject(options);
  const places = new Set(
    selectPlanned(await planProject(project), words).flatMap(({ node }) => node.labels.map(placeOf)),
  );
  const found = runs
    .map((run) => ({ ...run, nodes: run.nodes.filter(({ place }) => places.has(place)) }))
    .filter(({ nodes }) => nodes.length > 0);
  if (options.json) terminal.line(JSON.stringify({ runs: found }));
  else await writeNodes(found, terminal);
}

async function withAccuracy(runs: HistoryEntry[]): Promise<object[]> {
  const { accuracyOf } = await import('../../estimate/accuracy.ts');
  return runs.map((run) => ({ ...run, accuracy: accuracyOf(run) ?? null }));
}

async function writeRuns(runs: HistoryEntry[], terminal: Terminal): Promise<void> {
  const [{ table }, { durationText }, { accuracyOf }] = await Promise.all([
    import('../table.ts'),
    import('../duration.ts'),
    import('../../estimate/accuracy.ts'),
  ]);
  const estimated = (run: HistoryEntry) => {
    const accuracy = accuracyOf(run);
    return accuracy === undefined ? '' : `${durationText(accuracy.estimated)} (x${accuracy.ratio.toFixed(2)})`;
  };
  if (runs.length === 0) return terminal.line('No run of this study has computed anything in this cache yet.');
  const rows = runs.slice(0, SHOWN_RUNS).map((run) => {
    const { startedAt, seconds, profile, selectors, counts, stopped, user, host, git } = run;
    return [
      dateText(startedAt),
      durationText(seconds),
      estimated(run),
      String(counts.ran),
      counts.failed > 0 ? terminal.colors.red(String(counts.failed)) : '-',
      stopped === undefined ? '' : `stopped by ${stopped}`,
      `${user}@${host}`,
      git === null ? '' : `${String(git.commit).slice(0, 8)}${git.dirty === true ? '+' : ''}`,
      [profile, ...selectors].join(' '),
    ];
  });
  for (const line of table(
    ['began', 'took', 'estimated', 'ran', 'failed', '', 'who', 'commit', 'what'],
    rows,
    terminal.colors,
  ))
    terminal.line(line);
  if (runs.length > SHOWN_RUNS) terminal.line(`... and ${runs.length - SHOWN_RUNS} earlier runs: see --json.`);
}

async function writeNodes(runs: HistoryEntry[], terminal: Terminal): Promise<void> {
  const [{ table }, { durationText }] = await Promise.all([import('../table.ts'), import('../duration.ts')]);
  if (runs.length === 0) return terminal.line('No run of this study has computed these nodes in this cache.');
  const rows = runs.flatMap(({ startedAt, user, host, nodes }) =>
    nodes.map(({ place, key, outcome, seconds, failure }) => [
      dateText(startedAt),
      place,
      outcome === 'failed' ? terminal.colors.red(outcome) : outcome,
      durationText(seconds),
      key.slice(0, 12),
      `${user}@${host}`,
      failure && 'message' in failure ? failure.message : '',
    ]),
  );
  for (const line of table(['run of', 'place', 'outcome', 'took', 'key', 'who', ''], rows, terminal.colors))
    terminal.line(line);
}

/** Local time would differ between those who share a cache. */
function dateText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
