/** What the child process of one probe tells the doctor. */
import type { ProbeResult } from '../compute/runtimes/probe.ts';

/** A way to execute the exact engine's programs. */
export interface GeneratorSpeed {
  name: string;
  /** In a product of matrices, on one core. */
  gemmGflops: number;
}

export type ProbeMessage =
  | ({
      kind: 'ran';
      gemmGflops?: number;
      flushesSubnormals?: boolean;
      generators?: readonly GeneratorSpeed[];
    } & ProbeResult)
  /** The runtime itself says what is missing. */
  | { kind: 'unavailable'; message: string; remedy: string }
  | { kind: 'error'; message: string };
