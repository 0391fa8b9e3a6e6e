/** swp logs: prints what nodes wrote while they ran. */
import { fileFailure } from '../../base/file-failure.ts';
import { readRegularFile } from '../../base/regular-file.ts';
import { planNodes } from '../../project/nodes.ts';
import { openProject } from '../../project/project.ts';
import { logsOf } from '../../project/records.ts';
import type { LogsOptions } from '../declarations/logs.ts';
import { logText } from '../log-text.ts';
import { labelText } from '../run-text.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { openTerminal } from '../terminal.ts';

export async function logs(words: string[], options: LogsOptions): Promise<void> {
  const project = await openProject(options);
  requireCache(options);
  const terminal = openTerminal();
  const nodes = logsOf(project, await planNodes(project, words), options.all ?? false);
  if (options.json)
    return terminal.line(JSON.stringify({ nodes: nodes.map(({ key, place, logs }) => ({ key, place, logs })) }));
  const logged = nodes.filter(({ logs }) => logs.length > 0);
  for (const { label, logs } of logged)
    for (const path of logs) {
      if (nodes.length > 1 || logs.length > 1) terminal.line(terminal.colors.bold(`${labelText(label)}  ${path}`));
      writeLog(contentOf(path));
    }
  if (logged.length < nodes.length)
    terminal.line(terminal.colors.dim(`${nodes.length - logged.length} of ${nodes.length} nodes have logged nothing.`));
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
