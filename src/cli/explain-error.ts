/** The one place where what ended a command becomes words and an exit code. */
import { failureOf } from '../base/file-failure.ts';
import { packageRoot, packageVersion } from '../base/package-root.ts';
import { EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { writeFailure } from './lazy-commands.ts';
import type { Terminal } from './terminal.ts';

/**
 * Writes what ended a command to standard error. Whatever is neither a failure that was foreseen nor an error of the
 * system is a bug in swp.
 * @returns the exit code
 */
export async function explainError(error: unknown, terminal: Terminal): Promise<number> {
  const failure = failureOf(error);
  if (failure !== undefined) {
    try {
      await writeFailure(failure, terminal);
    } catch {
      // What puts it into words is loaded from files, too, and where nothing can be opened it cannot be.
      const what = error instanceof Error ? error.message : String(error);
      terminal.errorLines(`error: ${what}.${'remedy' in failure ? `\n  ${failure.remedy}` : ''}`);
    }
    return exitCodeOf(failure);
  }
  const missing = missingModule(error);
  if (missing !== undefined) {
    terminal.errorLines(`swp: ${missing}`);
    return EXIT_CODE.internal;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.errorLines(`swp ${packageVersion()} met a bug of its own. Please report it with these lines:\n${stack}`);
  return EXIT_CODE.internal;
}

/** The package or module whose absence ended a command: after a pull that brought a new one, or during a rebuild. */
function missingModule(error: unknown): string | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const name = /^Cannot find package '([^']+)'/.exec(error.message)?.[1];
  if (name === undefined)
    return `a part of it is gone: ${error.message}.\n  It was installed or built anew meanwhile: run again. If that does not help, run \`npm ci\` in ${packageRoot}.`;
  return `the package ${name} is not installed.\n  Run \`npm ci\` in ${packageRoot}: what swp needs has changed since it last ran.`;
}
