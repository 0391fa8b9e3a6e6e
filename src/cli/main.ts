/** swp: reads the command line, runs a command, and turns what went wrong into words and an exit code. */
import { Command, CommanderError } from 'commander';
import { SwpError } from '../base/failure.ts';
import { declareAccept } from './commands/accept.ts';
import { declareBundle } from './commands/bundle.ts';
import { declareDag } from './commands/dag.ts';
import { declareDiff } from './commands/diff.ts';
import { declareDoctor } from './commands/doctor.ts';
import { declareEstimate } from './commands/estimate.ts';
import { declareExplain } from './commands/explain.ts';
import { declareExport } from './commands/export.ts';
import { declareGc } from './commands/gc.ts';
import { declareHistory } from './commands/history.ts';
import { declareInvalidate } from './commands/invalidate.ts';
import { declareLint } from './commands/lint.ts';
import { declareLogs } from './commands/logs.ts';
import { declareMetrics } from './commands/metrics.ts';
import { declarePlots } from './commands/plots.ts';
import { declareReport } from './commands/report.ts';
import { declareRepro } from './commands/repro.ts';
import { declareShow } from './commands/show.ts';
import { declareStatus } from './commands/status.ts';
import { declareVerify } from './commands/verify.ts';
import { EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { generalHelp } from './help.ts';
import { openTerminal } from './terminal.ts';
import { version } from './version.ts';

// `swp status | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT_CODE.ok : EXIT_CODE.internal),
);

const program = new Command('swp')
  .description('Brings a declared study of pruning and super weights up to date, doing only the work that is missing.')
  .version(version)
  .addHelpText('after', generalHelp)
  .showHelpAfterError('swp COMMAND --help shows what there is.')
  .exitOverride();

for (const declare of [
  declareRepro,
  declareStatus,
  declareEstimate,
  declareExplain,
  declareDiff,
  declareAccept,
  declareDag,
  declareLint,
  declareInvalidate,
  declareShow,
  declareLogs,
  declareHistory,
  declareGc,
  declareVerify,
  declareReport,
  declareMetrics,
  declarePlots,
  declareBundle,
  declareExport,
  declareDoctor,
]) {
  const declared = declare(program);
  for (const command of [declared, ...declared.commands])
    command.exitOverride().showHelpAfterError('swp COMMAND --help shows what there is.');
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await explain(error);
}

async function explain(error: unknown): Promise<number> {
  // it has written its words
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
  const terminal = openTerminal();
  if (error instanceof SwpError) {
    const { failureText } = await import('./failure-text.ts'); // measures text as terminals show it: slow to load
    terminal.errorLine(failureText(error.failure, terminal.colors));
    return exitCodeOf(error.failure);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.errorLine(`swp ${version} met a bug of its own. Please report it with these lines:\n${stack}`);
  return EXIT_CODE.internal;
}
