/** Texts about what is sent to Slurm. */
import type { SlurmSettings } from '../engine/executors/slurm/settings.ts';
import type { StoredSubmission, Submission } from '../engine/executors/slurm/submission.ts';
import type { StudyJob } from '../project/study-jobs.ts';
import { quantityText } from '../base/quantity-text.ts';
import { durationText } from './duration.ts';
import { plural } from './study-text.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

const MIB = 2 ** 20;

/** @param jobs those of its bundles, if it was sent */
export function submissionJson(submission: Submission | undefined, jobs: readonly StudyJob[] = []): object {
  if (submission === undefined) return { jobs: [] };
  const idOf = (index: number) => jobs.find((job) => job.index === index)?.id;
  return {
    jobs: submission.bundles.map(({ name, nodes, settings, seconds, after }, index) => ({
      job: idOf(index) ?? null,
      bundle: name,
      nodes,
      seconds,
      after: after.map((each) => (typeof each === 'string' ? each : (idOf(each) ?? submission.bundles[each]!.name))),
      settings,
    })),
  };
}

/** `swp submit --dry-run` */
export function writePreview(submission: Submission | undefined, terminal: Terminal): void {
  if (submission === undefined) return terminal.line(NOTHING);
  const { bundles, arrays } = submission;
  const rows = bundles.map(({ name, nodes, seconds, settings, after }) => [
    name,
    String(nodes.length),
    seconds === null ? '' : durationText(seconds),
    settingsText(settings),
    listed(after.map((each) => (typeof each === 'string' ? `job ${each}` : bundles[each]!.name))),
  ]);
  for (const line of table(['job', 'nodes', 'takes about', 'asks for', 'waits for'], rows, terminal.colors))
    terminal.line(line);
  terminal.line();
  terminal.line(`${plural(bundles.length, 'job')} in ${plural(arrays.length, 'array')}. Nothing was sent.`);
}

/** The report waits for all of a study. */
const MOST_AWAITED = 4;

function listed(awaited: readonly string[]): string {
  const more = awaited.length - MOST_AWAITED;
  return more > 1 ? `${awaited.slice(0, MOST_AWAITED).join('; ')} and ${plural(more, 'more job')}` : awaited.join('; ');
}

/** @param others how many live jobs there were before */
export function writeSent(sent: StoredSubmission | undefined, others: number, terminal: Terminal): void {
  const before =
    others > 0 ? ` ${plural(others, 'job')} of this study ${others === 1 ? 'is' : 'are'} live already.` : '';
  if (sent === undefined) return terminal.line(`${NOTHING}${before}`);
  terminal.lines(`${sentLine(sent)}${before}`);
  terminal.line(
    '`swp status` says how far they are; `swp repro --executor slurm` follows them; `swp cancel` ends them.',
  );
}

const NOTHING = 'There is nothing to send.';

/** `Sent 12 jobs for 212 nodes: arrays 123 and 124.` */
export function sentLine({ submission, arrays }: StoredSubmission): string {
  const nodes = new Set(submission.bundles.flatMap((bundle) => bundle.nodes)).size;
  const ids = arrays.map(({ job }) => job!);
  const named = ids.length > MOST_NAMED ? [...ids.slice(0, MOST_NAMED - 1), `... ${ids.at(-1)}`] : ids;
  return `Sent ${plural(submission.bundles.length, 'job')} for ${plural(nodes, 'node')}: ${ids.length === 1 ? 'array' : 'arrays'} ${named.join(', ')}.`;
}

const MOST_NAMED = 6;

function settingsText({ partition, time, gpus, cpus, memory, constraint }: SlurmSettings): string {
  const parts = [
    partition,
    gpus === undefined || gpus === '0' ? undefined : `GPU ${gpus}`,
    plural(cpus, 'CPU'),
    memory === undefined ? undefined : memory === 0 ? 'all memory' : quantityText(memory * MIB, 'B'),
    time,
    constraint,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}
