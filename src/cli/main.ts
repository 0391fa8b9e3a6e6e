/** swp: reads the command line, runs a command, and turns what went wrong into words and an exit code. */
import { Command, CommanderError } from 'commander';
import { SwpError } from '../base/failure.ts';
import { packageVersion } from '../base/package-root.ts';
import { packageRoot } from '../base/package-root.ts';
import { declareAccept } from './declarations/accept.ts';
import { declareBundle } from './declarations/bundle.ts';
import { declareDag } from './declarations/dag.ts';
import { declareDiff } from './declarations/diff.ts';
import { declareDoctor } from './declarations/doctor.ts';
import { declareEstimate } from './declarations/estimate.ts';
import { declareExplain } from './declarations/explain.ts';
import { declareExport } from './declarations/export.ts';
import { declareGc } from './declarations/gc.ts';
import { declareHistory } from './declarations/history.ts';
import { declareInvalidate } from './declarations/invalidate.ts';
import { declareLint } from './declarations/lint.ts';
import { declareLogs } from './declarations/logs.ts';
import { declareMetrics } from './declarations/metrics.ts';
import { declarePlots } from './declarations/plots.ts';
import { declareReport } from './declarations/report.ts';
import { declareRepro } from './declarations/repro.ts';
import { declareShow } from './declarations/show.ts';
import { declareStatus } from './declarations/status.ts';
import { declareVerify } from './declarations/verify.ts';
import { EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { GENERAL_HELP } from './help.ts';
import * as bodies from './lazy-commands.ts';
import { openTerminal } from './terminal.ts';

// `swp status | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT_CODE.ok : EXIT_CODE.internal),
);

const program = new Command('swp')
  .description('Brings a declared study of pruning and super weights up to date, doing only the work that is missing.')
  .version(packageVersion())
  .addHelpText('after', GENERAL_HELP)
  .showHelpAfterError('swp COMMAND --help shows what there is.')
  .exitOverride();

/** In the order in which --help lists them. */
const commands = [
  declareRepro(program, bodies.repro),
  declareStatus(program, bodies.status),
  declareEstimate(program, bodies.estimate),
  declareExplain(program, bodies.explain),
  declareDiff(program, bodies.diff),
  declareAccept(program, bodies.accept),
  declareDag(program, bodies.dag),
  declareLint(program, bodies.lint),
  declareInvalidate(program, bodies.invalidate),
  declareShow(program, bodies.show),
  declareLogs(program, bodies.logs),
  declareHistory(program, bodies.history),
  declareGc(program, bodies.gc),
  declareVerify(program, bodies.verify),
  declareReport(program, bodies.report),
  declareMetrics(program, bodies.metrics, bodies.metricsDiff),
  declarePlots(program, bodies.plots),
  declareBundle(program, bodies.bundle, bodies.verifyBundle),
  declareExport(program, bodies.exportGraph),
  declareDoctor(program, bodies.doctor),
];
for (const command of commands.flatMap((each) => [each, ...each.commands]))
  command.exitOverride().showHelpAfterError('swp COMMAND --help shows what there is.');

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = await explain(error);
}

/** @returns the exit code */
async function explain(error: unknown): Promise<number> {
  // Commander has written what is wrong.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
  const terminal = openTerminal();
  if (error instanceof SwpError) {
    await bodies.writeFailure(error.failure, terminal);
    return exitCodeOf(error.failure);
  }
  const missing = missingPackage(error);
  if (missing !== undefined) {
    terminal.errorLine(
      `swp: the package ${missing} is not installed.\n  Run \`npm ci\` in ${packageRoot}: what swp needs has changed since it last ran.`,
    );
    return EXIT_CODE.internal;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.errorLine(`swp ${packageVersion()} met a bug of its own. Please report it with these lines:\n${stack}`);
  return EXIT_CODE.internal;
}

/** The package whose absence ended a command: after a pull that brought a new one, before `npm ci`. */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  return /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
}
