/** Computes nothing: a run with it decides everything as always, and ends where a job would be started. */
import type { Executor } from '../executor.ts';

export const dryRunExecutor: Executor = {
  capabilities: { computes: false },
  reserve: async () => undefined,
  close: async () => {},
};
