/** What stops a run from outside: signals, output that nobody reads or that cannot be written, and other trouble. */
import type { Failure } from '../base/failure.ts';
import { ignoresHangup, whenNpmEnds } from './hangup.ts';
import { whenInTrouble } from './process-guard.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

const STOPPING = 'Stopping. What is done is kept; `swp repro` continues.';

export interface Interruption {
  /** Its reason is the signal's name; `failure` where a failure stops the run. */
  signal: AbortSignal;
  /** What stopped the run if it was no signal. */
  readonly failure: Failure | undefined;
  /** From now on signals end the process, as they do before. */
  stopListening(): void;
}

/**
 * The first signal stops the run; further ones change nothing, so that stopping can finish its work. A terminal that
 * goes sends SIGHUP, which stops the run unless swp was started to survive it.
 * @param note says so to whoever is there
 * @param options.more signals that stop it besides those that stop every run
 * @param options.stopping what is said
 */
export function listenForInterruption(
  note: (text: string) => void,
  { more = [], stopping = STOPPING }: { more?: readonly NodeJS.Signals[]; stopping?: string | undefined } = {},
): Interruption {
  const controller = new AbortController();
  let failure: Failure | undefined;
  const stop = (reason: string) => {
    if (controller.signal.aborted) return;
    controller.abort(reason);
    note(stopping);
  };
  const hear = (name: NodeJS.Signals) => {
    if (name !== 'SIGHUP' || !ignoresHangup) stop(name);
  };
  const forgetTrouble = whenInTrouble((trouble) => {
    if (trouble !== 'SIGPIPE') failure ??= trouble;
    stop(trouble === 'SIGPIPE' ? trouble : 'failure');
  });
  const signals = [...SIGNALS, ...more];
  for (const name of signals) process.on(name, hear);
  const forgetNpm = whenNpmEnds(() => stop('SIGHUP'));
  return {
    signal: controller.signal,
    get failure() {
      return failure;
    },
    stopListening: () => {
      forgetTrouble();
      forgetNpm();
      for (const name of signals) process.off(name, hear);
    },
  };
}
