/** swp history: what the runs of this study did, or what they did to some nodes. */
import { decimal } from '../../base/number-text.ts';
import type { HistoryEntry } from '../../cache/run-history.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { pastRuns, pastRunsOf, type PastRun } from '../../project/past-runs.ts';
import { durationText } from '../duration.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

const SHOWN_RUNS = 20;

export async function history(words: string[], options: ProjectOptions): Promise<void> {
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (words.length === 0) {
    const runs = pastRuns(options);
    if (options.json) terminal.line(JSON.stringify({ runs }));
    else writeRuns(runs, terminal);
    return;
  }
  const runs = await pastRunsOf(options, words);
  if (options.json) terminal.line(JSON.stringify({ runs }));
  else writeNodes(runs, terminal);
}

function writeRuns(runs: PastRun[], terminal: Terminal): void {
  const estimated = ({ accuracy }: PastRun) =>
    accuracy === null ? '' : `${durationText(accuracy.estimated)} (x${decimal(accuracy.ratio, 2)})`;
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

function writeNodes(runs: HistoryEntry[], terminal: Terminal): void {
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

/** In UTC: those who share a cache may be in several time zones. */
function dateText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
