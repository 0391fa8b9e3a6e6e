/**
 * What ends a process where no command waits for it: standard output that cannot be written (`swp status | head`, a
 * full disk behind `> log.txt`, a terminal that is gone), and exceptions in events. A command that is in the middle of
 * work, such as a run, is told and stops properly.
 */
import { SwpError, type Failure } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import { systemErrorCode } from '../base/system-error.ts';
import { EXIT_CODE } from './exit-code.ts';

/** Why the process has to end. `SIGPIPE`: nobody reads its output any more. */
export type Trouble = 'SIGPIPE' | Failure;

/** Nobody is there to read: what is written to a pipe without a reader, or to a terminal that is gone. */
const NO_READER = ['EPIPE', 'ECONNRESET'];
const NO_TERMINAL = ['EIO', 'ENXIO'];

let tell: ((trouble: Trouble) => void) | undefined;
let isLost = false;

/** Whether standard output takes nothing more; what still has to be said goes to standard error. */
export function isOutputLost(): boolean {
  return isLost;
}

/**
 * Lets a command that has something to bring to an end be told, instead of ending the process.
 * @returns ends that again
 */
export function whenInTrouble(listener: (trouble: Trouble) => void): () => void {
  tell = listener;
  return () => (tell = undefined);
}

/**
 * Guards the process for the whole of its life.
 * @param explain writes to standard error what went wrong, and returns the exit code
 */
export function guardProcess(explain: (error: unknown) => Promise<number>): void {
  const end = (error: unknown) =>
    void explain(error).then(
      (code) => process.exit(code),
      () => process.exit(EXIT_CODE.internal),
    );
  const { stdout, stderr } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    const code = systemErrorCode(error) ?? 'EIO';
    // Closing a terminal ends what runs in it, and SIGHUP says so; after nohup or disown the run goes on.
    const isGone = stdout.isTTY && NO_TERMINAL.includes(code);
    if (isLost || (isGone && tell !== undefined)) return;
    if (isGone) process.exit(EXIT_CODE.hungUp);
    isLost = true;
    const isClosed = NO_READER.includes(code);
    const failure = unwritable('standard output', code);
    if (tell !== undefined) tell(isClosed ? 'SIGPIPE' : failure);
    else if (isClosed) process.exit(EXIT_CODE.ok);
    else end(new SwpError(failure));
  });
  let errorsLost = false;
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    errorsLost ||= ![...NO_READER, ...NO_TERMINAL].includes(systemErrorCode(error) ?? '');
  });
  // What should have stood there is lost, which a script has to learn from the exit code.
  process.on('exit', () => {
    if (errorsLost) process.exitCode ||= EXIT_CODE.usage;
  });
  process.on('uncaughtException', (error) => {
    const failure = failureOf(error);
    if (tell !== undefined && failure !== undefined) tell(failure);
    else end(error);
  });
}

function unwritable(path: string, code: string): Failure {
  const remedy = 'Put that right, or send it elsewhere, and run again: finished work is kept.';
  return { kind: 'file', path, operation: 'write', code, remedy };
}
