/** swp logs: prints what nodes wrote while they ran. */
import { SwpError } from '../../base/failure.ts';
import { fileFailure } from '../../base/file-failure.ts';
import { readRegularFile } from '../../base/regular-file.ts';
import { planNodes } from '../../project/nodes.ts';
import { logsOfJob, logsOfLostJobs, type JobLog } from '../../project/job-logs.ts';
import { openProject, type Project } from '../../project/project.ts';
import { logsOf } from '../../project/records.ts';
import type { LogsOptions } from '../declarations/logs.ts';
import { stateText } from '../job-text.ts';
import { logText } from '../log-text.ts';
import { labelText } from '../run-text.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function logs(words: string[], options: LogsOptions): Promise<void> {
  refuseContradictions(words, options);
  const project = await openProject(options);
  requireCache(options);
  const terminal = openTerminal();
  const { nodes, jobs, onTheirWay } =
    options.job === undefined
      ? await logsOfNodes(project, words, options.all ?? false)
      : { nodes: [], jobs: await logsOfJob(project, options.job), onTheirWay: 0 };
  if (options.json)
    return terminal.line(
      JSON.stringify({
        nodes: nodes.map(({ key, place, logs }) => ({ key, place, logs })),
        jobs: jobs.map(({ job: { id, bundle }, state, log, exists }) => {
          return { job: id, bundle: bundle.name, state, log: exists ? log : null };
        }),
      }),
    );
  const logged = nodes.filter(({ logs }) => logs.length > 0);
  for (const { label, logs } of logged)
    for (const path of logs) {
      if (nodes.length > 1 || logs.length > 1) terminal.line(terminal.colors.bold(`${labelText(label)}  ${path}`));
      writeLog(contentOf(path));
    }
  for (const job of jobs) writeJobLog(job, options.job !== undefined && jobs.length === 1, terminal);
  if (logged.length < nodes.length)
    terminal.line(
      terminal.colors.dim(
        `${nodes.length - logged.length} of ${nodes.length} nodes have logged nothing${onTheirWay > 0 ? `; ${onTheirWay} of them ${onTheirWay === 1 ? 'is' : 'are'} in jobs that wait or run` : ''}.`,
      ),
    );
}

/** With the logs of jobs that ended before they came to a node. */
async function logsOfNodes(project: Project, words: string[], all: boolean) {
  const nodes = logsOf(project, await planNodes(project, words), all);
  const silent = nodes.filter(({ logs }) => logs.length === 0).map(({ key }) => key);
  return { nodes, ...(await logsOfLostJobs(project, silent)) };
}

function writeJobLog({ job, state, log, exists }: JobLog, isAlone: boolean, terminal: Terminal): void {
  const { colors } = terminal;
  const heading = `job ${job.id}  ${job.bundle.name}  ${stateText(state)}`;
  if (exists && !isAlone) terminal.line(colors.bold(`${heading}  ${log}`));
  if (exists) return writeLog(contentOf(log));
  const why = job.isOver ? 'Slurm has made no log of it' : 'it has written nothing yet';
  terminal.line(`${colors.bold(heading)}  ${colors.dim(why)}`);
}

function refuseContradictions(words: readonly string[], { job, all }: LogsOptions): void {
  if (job === undefined && words.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: 'Whose logs?',
      expected: 'selectors, such as stage=train experiment=A1; or --job with the number of a job',
    });
  if (job !== undefined && (words.length > 0 || all))
    throw new SwpError({
      kind: 'usage',
      message: '--job prints all that a job wrote.',
      expected: `no ${words.length > 0 ? 'selectors' : '--all'} besides`,
    });
}

/** To a file or another program every byte as it is; a terminal would obey some of them. */
function writeLog(content: Uint8Array): void {
  process.stdout.write(process.stdout.isTTY ? logText(Buffer.from(content).toString('utf8')) : content);
}

function contentOf(path: string): Uint8Array {
  try {
    return readRegularFile(path);
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
}
