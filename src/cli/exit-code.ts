/** What swp's exit codes mean; docs/commands.md and --help say the same. */
import type { Failure } from '../base/failure.ts';

export const EXIT_CODE = {
  ok: 0,
  /** Some nodes failed, or could not run because of those. */
  nodesFailed: 1,
  /** swp lint: an error stands that nobody has accepted. */
  lintErrors: 1,
  /** swp doctor: the default target does not work here. */
  defaultTargetFails: 1,
  /** The command line or the study is wrong, or a file cannot be used. */
  usage: 2,
  /** A bug in swp. */
  internal: 70,
  /** Ctrl-C. */
  interrupted: 130,
  terminated: 143,
} as const;

export const EXIT_CODE_HELP = `
Exit codes:
  0    done
  1    some nodes failed; the others are done (swp doctor: the default engine does not work here; swp lint: errors)
  2    the command line or the study is wrong, or a file cannot be used
  70   a bug in swp
  130  stopped by Ctrl-C (143: by SIGTERM); swp repro continues`;

/** The exit code for a failure that ends a command. */
export function exitCodeOf(failure: Failure): number {
  switch (failure.kind) {
    case 'stage':
    case 'worker-died':
    case 'out-of-memory':
    case 'memory-limit':
    case 'file-changed':
      return EXIT_CODE.nodesFailed;
    case 'stopped':
      return failure.signal === 'SIGTERM' ? EXIT_CODE.terminated : EXIT_CODE.interrupted;
    default:
      return EXIT_CODE.usage;
  }
}
