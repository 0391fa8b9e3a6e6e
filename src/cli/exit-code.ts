/** What swp's exit codes mean; docs/commands.md and --help say the same. */
import { constants } from 'node:os';
import type { Failure } from '../base/failure.ts';

export const EXIT_CODE = {
  ok: 0,
  /** Some nodes failed, or could not run because of those. */
  nodesFailed: 1,
  /** swp lint: an error stands that nobody has accepted. */
  lintErrors: 1,
  /** swp doctor: the default target does not work here. */
  defaultTargetFails: 1,
  /** The command line or the study is wrong, a file cannot be used, or the system refuses something. */
  usage: 2,
  /** A bug in swp. */
  internal: 70,
  /** SIGHUP: the terminal is gone. */
  hungUp: 129,
} as const;

/** Of a command that a signal has stopped: 128 and its number, as shells have it. 130 is Ctrl-C. */
export function exitCodeOfSignal(signal: string): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? constants.signals.SIGTERM);
}

export const EXIT_CODE_HELP = `
Exit codes:
  0    done
  1    some nodes failed; the others are done (swp doctor: the default engine does not work here; swp lint: errors)
  2    the command line or the study is wrong, a file cannot be used, or the output cannot be written
  70   a bug in swp
  130  stopped by Ctrl-C (128 + N by another signal: 129 a lost terminal, 143 SIGTERM); swp repro continues`;

/** The exit code for a failure that ends a command. */
export function exitCodeOf(failure: Failure): number {
  switch (failure.kind) {
    case 'stage':
    case 'worker-died':
    case 'worker-not-started':
    case 'out-of-memory':
    case 'memory-limit':
    case 'job':
    case 'file-changed':
      return EXIT_CODE.nodesFailed;
    case 'stopped':
      return exitCodeOfSignal(failure.signal);
    default:
      return EXIT_CODE.usage;
  }
}
