/** What `swp status` says of the jobs that a study has in Slurm. */
import type { JobState } from '../engine/event.ts';
import type { SlurmJobState } from '../engine/executors/slurm/job-state.ts';
import type { Failure } from '../base/failure.ts';
import type { StudyJob } from '../project/study-jobs.ts';
import type { JobsStatus, JobStatus } from '../project/job-status.ts';
import { placeOf } from '../project/nodes.ts';
import stringWidth from 'string-width';
import { durationText } from './duration.ts';
import { failureLine, failureTexts } from './failure-text.ts';
import { folded } from './folded.ts';
import { isLostJob, jobCountsText, stateText, type CountedJob } from './job-text.ts';
import { plural } from './study-text.ts';
import { table } from './table.ts';
import { screenColumns, type Terminal } from './terminal.ts';

/** Jobs with a line of their own, and reasons why some have come to nothing: the rest is counted. */
const MOST_JOBS = 12;
const MOST_REASONS = 5;

/** @param lacking how many of the nodes that are asked for have no result and could get one */
export function writeJobs(status: JobsStatus, lacking: { all: number; onTheirWay: number }, terminal: Terminal): void {
  const { jobs, others, silence } = status;
  const { colors } = terminal;
  if (silence !== undefined) terminal.lines(`${colors.yellow('note:')} ${silenceText(silence)}`);
  if (jobs.length > 0) {
    terminal.line();
    terminal.lines(jobCountsText(jobs.map(countedJob), colors));
    writeRows(jobs, terminal);
    const failures = jobs.flatMap(({ failure }) => failure ?? []);
    const texts = failureTexts(failures, colors);
    for (const text of texts.slice(0, MOST_REASONS)) terminal.lines(text);
    if (texts.length > MOST_REASONS) terminal.line(`... and ${texts.length - MOST_REASONS} more reasons.`);
  }
  if (others > 0)
    terminal.line(
      `${plural(others, 'job')} more ${others === 1 ? 'is' : 'are'} live, for nodes that the study does not have as it is now: of another profile, or from before a change.`,
    );
  if (lacking.onTheirWay > 0) terminal.line(onTheirWayText(lacking));
}

export function jobJson({ job, state, done }: JobStatus): object {
  const { id, bundle, current, log, submission, state: found } = job;
  const running = found.kind === 'running' ? found : undefined;
  return {
    job: id,
    bundle: bundle.name,
    state: found.kind === 'unknown' ? 'unknown' : state,
    reason: ('reason' in found ? found.reason : undefined) ?? null,
    machine: ('nodes' in found ? found.nodes : undefined) ?? null,
    seconds: running?.seconds ?? null,
    secondsLeft: running?.leftSeconds ?? null,
    nodes: bundle.nodes.length,
    done,
    at:
      current === undefined
        ? null
        : { place: placeOf(current.label), done: current.done ?? null, total: current.total ?? null },
    log,
    submission: submission.folder,
  };
}

/** Those that run or came to nothing, and those that wait for what does not come by itself. */
function writeRows(jobs: readonly JobStatus[], { line, colors }: Terminal): void {
  const isBad = (each: JobStatus) => isLostJob(each) || isStuck(each);
  const listed = [...jobs.filter(isBad), ...jobs.filter(({ state }) => state === 'running')];
  if (listed.length === 0) return;
  const names = ['job', 'of', 'state', 'on', 'for', 'left', 'nodes', 'at'];
  const rows = listed.slice(0, MOST_JOBS).map(cellsOf);
  const isUsed = names.map((_, column) => rows.some((row) => row[column] !== ''));
  const only = (row: readonly string[]) => row.filter((_, column) => isUsed[column]);
  const lines = table(only(names), rows.map(only), colors);
  const columns = screenColumns();
  const fits = lines.every((each) => stringWidth(each) <= columns);
  for (const each of fits ? lines : folded(only(names), rows.map(only), columns)) line(each);
  if (listed.length > MOST_JOBS) line(colors.dim(`... and ${(listed.length - MOST_JOBS).toLocaleString('en')} more`));
}

function cellsOf({ job, state, done }: JobStatus): string[] {
  const { id, bundle, current, state: found } = job;
  const running = found.kind === 'running' ? found : undefined;
  return [
    id,
    bundle.name,
    stateCell(state, found),
    ('nodes' in found ? found.nodes : undefined) ?? '',
    running === undefined ? '' : durationText(running.seconds),
    running?.leftSeconds === undefined ? '' : durationText(running.leftSeconds),
    `${done.toLocaleString('en')}/${bundle.nodes.length.toLocaleString('en')}`,
    current === undefined ? '' : currentText(current),
  ];
}

function countedJob({ state, job: { state: found } }: JobStatus): CountedJob {
  return { state, ...('reason' in found && found.reason !== undefined && { reason: found.reason }) };
}

/** Whether it waits for something that somebody has to do. */
function isStuck({ job: { state } }: JobStatus): boolean {
  return 'neverStarts' in state && state.neverStarts === true;
}

function stateCell(state: JobState, found: SlurmJobState): string {
  if ('isEnding' in found) return 'ending';
  return 'neverStarts' in found ? `${stateText(state)} (${found.reason})` : stateText(state);
}

/** `round 2 train 340/1,000`: whose round it is says the bundle's name. */
function currentText({ label: { round, step }, done, total }: NonNullable<StudyJob['current']>): string {
  const parts = [round > 0 ? `round ${round}` : '', step];
  if (done !== undefined && total !== undefined)
    parts.push(`${done.toLocaleString('en')}/${total.toLocaleString('en')}`);
  return parts.filter((part) => part !== '').join(' ');
}

function silenceText(failure: Failure): string {
  return failure.kind === 'unavailable'
    ? `${failureLine(failure)}. What is said of jobs is what they have told themselves.`
    : `${failureLine(failure)}. Jobs go on without it; what is said of them is what they have told themselves.`;
}

function onTheirWayText({ all, onTheirWay }: { all: number; onTheirWay: number }): string {
  if (all === onTheirWay)
    return `${all === 1 ? 'The node' : `All ${all.toLocaleString('en')} nodes`} without a result ${all === 1 ? 'is' : 'are'} on the way in jobs.`;
  return `Of the ${all.toLocaleString('en')} nodes without a result, ${onTheirWay.toLocaleString('en')} ${onTheirWay === 1 ? 'is' : 'are'} on the way in jobs; \`swp submit\` sends the others.`;
}
