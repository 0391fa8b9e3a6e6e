/** What the child process of one probe tells the doctor. */
import type { ProbeResult } from '../compute/runtimes/probe.ts';

export type ProbeMessage =
  | ({ kind: 'ran'; gemmGflops?: number; flushesSubnormals?: boolean } & ProbeResult)
  /** The runtime itself says what is missing. */
  | { kind: 'unavailable'; message: string; remedy: string }
  | { kind: 'error'; message: string };
