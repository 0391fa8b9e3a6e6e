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
/**
 * Blocks of 4 MiB and more are given back to the system when they are freed. By default malloc soon keeps blocks of up
 * to 32 MiB: a worker whose sessions were released then still took twice as much.
 */
const GIVE_BACK = 'glibc.malloc.mmap_threshold=4194304';

/** What a worker's environment has besides its parent's. */
export function workerEnvironment({ GLIBC_TUNABLES }: NodeJS.ProcessEnv): Record<string, string> {
  return {
    ...ONE_THREAD,
    GLIBC_TUNABLES: [HUGE_PAGES, GIVE_BACK, ...(GLIBC_TUNABLES === undefined ? [] : [GLIBC_TUNABLES])].join(':'),
  };
}
