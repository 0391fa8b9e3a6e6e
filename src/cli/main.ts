/** swp: reads the command line, runs a command, and turns what went wrong into words and an exit code. */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../base/package-root.ts';
import { declareAccept } from './declarations/accept.ts';
import { declareBundle } from './declarations/bundle.ts';
import { declareCancel } from './declarations/cancel.ts';
import { declareDag } from './declarations/dag.ts';
import { declareDetect } from './declarations/detect.ts';
import { declareDiff } from './declarations/diff.ts';
import { declareDoctor } from './declarations/doctor.ts';
import { declareEstimate } from './declarations/estimate.ts';
import { declareExplain } from './declarations/explain.ts';
import { declareExport } from './declarations/export.ts';
import { declareGc } from './declarations/gc.ts';
import { declareHistory } from './declarations/history.ts';
import { declareInit } from './declarations/init.ts';
import { declareInvalidate } from './declarations/invalidate.ts';
import { declareLint } from './declarations/lint.ts';
import { declareLogs } from './declarations/logs.ts';
import { declareMetrics } from './declarations/metrics.ts';
import { declarePlots } from './declarations/plots.ts';
import { declareReport } from './declarations/report.ts';
import { declareRepro } from './declarations/repro.ts';
import { declareShow } from './declarations/show.ts';
import { declareStatus } from './declarations/status.ts';
import { declareSubmit } from './declarations/submit.ts';
import { declareVerify } from './declarations/verify.ts';
import { declareWork } from './declarations/work.ts';
import { EXIT_CODE } from './exit-code.ts';
import { explainError } from './explain-error.ts';
import { ignoresHangup } from './hangup.ts';
import { GENERAL_HELP, shownMistake } from './help.ts';
import * as bodies from './lazy-commands.ts';
import { guardProcess } from './process-guard.ts';
import { openTerminal } from './terminal.ts';

guardProcess((error) => explainError(error, openTerminal()));
// Where programs are looked for if nobody says so, as shells have it: what starts them takes PATH for granted.
process.env.PATH ||= '/usr/local/bin:/usr/bin:/bin';
if (ignoresHangup) process.on('SIGHUP', () => {});

const program = new Command('swp')
  .description('Brings a declared study of pruning and super weights up to date, doing only the work that is missing.')
  .version(packageVersion())
  .addHelpText('after', GENERAL_HELP)
  .showHelpAfterError('swp COMMAND --help shows what there is.')
  .configureOutput({ outputError: (text, write) => write(shownMistake(text)) })
  .exitOverride();

/** In the order in which --help lists them. */
const commands = [
  declareInit(program, bodies.init),
  declareRepro(program, bodies.repro),
  declareSubmit(program, bodies.submit),
  declareCancel(program, bodies.cancel),
  declareDetect(program, bodies.detect),
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
  declareWork(program, bodies.work),
];
for (const command of commands.flatMap((each) => [each, ...each.commands]))
  command.exitOverride().showHelpAfterError('swp COMMAND --help shows what there is.');

try {
  if (Object.keys(process.env).some((name) => /^SWP_/i.test(name)))
    await bodies.writeMistypedVariables(process.env, openTerminal());
  await program.parseAsync();
} catch (error) {
  // Commander has written what is wrong.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
  else process.exitCode = await explainError(error, openTerminal());
}
