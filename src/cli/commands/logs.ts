/** swp logs: what the workers of nodes wrote. */
import type { Command } from 'commander';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal } from '../terminal.ts';

interface LogsOptions extends ProjectOptions {
  all?: boolean;
}

export function declareLogs(program: Command): Command {
  const command = program
    .command('logs')
    .description('Print what nodes wrote while they ran: the last attempt of each, failed or not.')
    .argument('<selectors...>', 'which nodes, e.g. stage=train experiment=A1 seed=0')
    .option('--all', 'all attempts, the oldest first')
    .addHelpText(
      'after',
      `
Examples:
  swp logs step=train experiment=A1 seed=0 round=1
  swp logs stage=train --json      {"nodes":[{key, place, logs:[path]}]}
${SELECTOR_HELP}`,
    )
    .action(logs);
  return withStudyOptions(command);
}

async function logs(words: string[], options: LogsOptions): Promise<void> {
  const [{ openProject, planProject, selectPlanned }, { placeOf }, { labelText }, { attemptLogs }, { readFile }] =
    await Promise.all([
      import('../../project/project.ts'),
      import('../../engine/stage.ts'),
      import('../run-text.ts'),
      import('../../cache/node-log.ts'),
      import('node:fs/promises'),
    ]);
  const project = await openProject(options);
  const terminal = openTerminal();
  const nodes = selectPlanned(await planProject(project), words).map(({ node }) => {
    const attempts = attemptLogs(project.cache.directory, node.key);
    return {
      key: node.key,
      place: placeOf(node.labels[0]!),
      label: node.labels[0]!,
      logs: options.all ? attempts : attempts.slice(-1),
    };
  });
  if (options.json) {
    terminal.line(JSON.stringify({ nodes: nodes.map(({ key, place, logs }) => ({ key, place, logs })) }));
    return;
  }
  const logged = nodes.filter(({ logs }) => logs.length > 0);
  for (const { label, logs } of logged)
    for (const path of logs) {
      if (nodes.length > 1 || logs.length > 1) terminal.line(terminal.colors.bold(`${labelText(label)}  ${path}`));
      process.stdout.write(await readFile(path));
    }
  if (logged.length < nodes.length)
    terminal.line(terminal.colors.dim(`${nodes.length - logged.length} of ${nodes.length} nodes have logged nothing.`));
}
