/** The environment of worker processes: what must be settled before a process starts. */

/** Nodes run side by side, one thread each; a library that took more would slow the others down. */
const ONE_THREAD = {
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  MKL_NUM_THREADS: '1',
  VECLIB_MAXIMUM_THREADS: '1',
  NUMEXPR_NUM_THREADS: '1',
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
};

/**
 * Large tensors on huge pages, where the kernel grants them on request: fewer misses in the table of pages, 2 to 4 % of
 * a training step.
 */
const HUGE_PAGES = 'glibc.malloc.hugetlb=1';

/** What a worker's environment has besides its parent's. */
export function workerEnvironment({ GLIBC_TUNABLES }: NodeJS.ProcessEnv): Record<string, string> {
  return {
    ...ONE_THREAD,
    GLIBC_TUNABLES: GLIBC_TUNABLES === undefined ? HUGE_PAGES : `${HUGE_PAGES}:${GLIBC_TUNABLES}`,
  };
}
