/**
 * Failures that a user can meet, as data: a closed union, rendered in one place (src/cli/failure-text.ts).
 * Whatever is not a Failure is a bug in swp and may show a stack trace.
 */
export interface SourceLocation {
  /** Path as the user knows it, e.g. `pipeline.json`. */
  file: string;
  /** 1-based. */
  line: number;
  /** 1-based. */
  column: number;
  /** Length of the marked text, at least 1. */
  length: number;
  /** The source line, without its end. */
  text: string;
}

export type Failure =
  /** The study is wrong: place, what was found, what was expected. */
  | { kind: 'study'; at: SourceLocation; message: string; expected?: string; suggestion?: string }
  /** Several independent mistakes, in the order of the file; `more` were left out. */
  | { kind: 'several'; failures: Failure[]; more: number }
  /** The command line is wrong, or a parameter. `lacks`: what there is too little of for it. */
  | { kind: 'usage'; message: string; expected?: string; suggestion?: string; lacks?: 'text' }
  /** A file cannot be read or written. */
  | { kind: 'file'; path: string; operation: 'read' | 'write' | 'create'; code: string; remedy: string }
  /** The system refuses something else, such as to start a process. `operation` follows the word "Cannot". */
  | { kind: 'system'; operation: string; code: string; remedy: string }
  /** A file's content is not what it should be (a checkpoint, a record, an artifact). */
  | { kind: 'content'; path: string; message: string; remedy: string }
  /** A number that was computed is NaN or infinite: it is published nowhere. */
  | { kind: 'not-finite'; message: string; remedy: string }
  /** This machine lacks what a declared parameter needs (an engine, a device). */
  | { kind: 'unavailable'; what: string; message: string; remedy: string }
  /** The cluster's scheduler refuses something, or does not answer, and then nothing is known. In its own words. */
  | { kind: 'scheduler'; answers: boolean; message: string; remedy: string }
  /** What was to be fetched on request did not come, or does not fit; nothing has changed. */
  | { kind: 'install'; what: string; message: string; remedy: string }
  /** What was computed again differs from what was there, though its recipe is the same. Both are kept. */
  | { kind: 'other-bits'; stage: string; node: string; artifacts: string[]; before: string; now: string }
  /** An external file changed while a node used it: the result is not recorded. `change` follows its name. */
  | { kind: 'file-changed'; path: string; stage: string; change?: string }
  /** A stage's code threw. `cause`: the failure that it threw, if it foresaw this one; the log has the rest. */
  | { kind: 'stage'; stage: string; node: string; message: string; cause?: Failure; log?: string }
  /** A device has not enough memory for a node. */
  | { kind: 'out-of-memory'; stage: string; node: string; message: string; log?: string }
  /** A node took more memory than --memory-per-node allows. In bytes. */
  | { kind: 'memory-limit'; stage: string; node: string; limit: number; reached: number; log?: string }
  /** A worker process ended without an answer. */
  | { kind: 'worker-died'; stage: string; node: string; exitCode?: number; signal?: string; log?: string }
  /**
   * A worker process could not be started, or never came to the point of taking a job. `command`: what was run; `code`:
   * the system's answer, if it refused; `said`: the last line that the process wrote.
   */
  | {
      kind: 'worker-not-started';
      stage: string;
      node: string;
      command: string;
      message: string;
      code?: string;
      said?: string;
    }
  /**
   * A job of a cluster ended before it had done its work. `job`: what the cluster calls it; `bundle`: what it was to
   * compute; `message` follows these two.
   */
  | { kind: 'job'; job: string; bundle: string; message: string; remedy: string; log?: string }
  /** The user stopped the run. */
  | { kind: 'stopped'; signal: string };

/** Carries a Failure to the place that renders it. */
export class SwpError extends Error {
  constructor(
    readonly failure: Failure,
    options?: ErrorOptions,
  ) {
    super(messageOf(failure), options);
    this.name = 'SwpError';
  }
}

/** One line for whoever shows an exception without looking into its failure. */
function messageOf(failure: Failure): string {
  if ('message' in failure) return failure.message;
  switch (failure.kind) {
    case 'several': {
      const count = failure.failures.length + failure.more;
      return `${count} mistakes, of which the first: ${failure.failures.slice(0, 1).map(messageOf).join('')}`;
    }
    case 'file':
      return `Cannot ${failure.operation} ${failure.path} (${failure.code}).`;
    case 'system':
      return `Cannot ${failure.operation} (${failure.code}).`;
    case 'file-changed':
      return `${failure.path} ${failure.change === undefined ? 'changed' : `changed (it ${failure.change})`} while ${failure.stage} used it.`;
    default:
      return failure.kind;
  }
}
