/** Tables with numbers and excerpts of a terminal that no command makes: why not. */
export interface WrittenByHand {
  readonly page: string;
  /** The first line of the table or excerpt. */
  readonly first: string;
  readonly reason: string;
}

export const BY_HAND: readonly WrittenByHand[] = [
  {
    page: 'README.md',
    first: '| what goes wrong with scripts on a shared box | here |',
    reason: 'no measurement',
  },
  {
    page: 'docs/commands.md',
    first: '   round  0     1     2    3',
    reason: 'a drawing of a small study, whose form tests/cli/dag.test.ts holds',
  },
  {
    page: 'docs/commands.md',
    first: '$ swp estimate experiment=A1 seed=0',
    reason: 'times of one machine: an example of the form',
  },
  {
    page: 'docs/commands.md',
    first: '$ swp explain stage=train experiment=A1',
    reason: 'digests change with every change of the code: an example of the form',
  },
  {
    page: 'docs/commands.md',
    first: '2 init nodes: stale, its recipe changed  such as A1 seed 0 init',
    reason: 'an upgrade that somebody made once',
  },
  {
    page: 'docs/commands.md',
    first: 'engine      device  works',
    reason: 'what one machine has: an example of the form',
  },
  {
    page: 'docs/compute.md',
    first: 'matmul [8, 3], [3, 1] -> [8, 1]',
    reason: 'the operations of the program above it: no measurement',
  },
  {
    page: 'docs/compute.md',
    first: 'graph -> lowering -> program in the vector language -> a generator -> code -> session',
    reason: 'a drawing: no measurement',
  },
  {
    page: 'docs/compute.md',
    first: 'map 3 * 16               mov  rsi,[rdi+16]              local.set $3 (i32.load offset=8 (local.get $0))',
    reason: 'a kernel and what both generators make of it, shortened by hand: no measurement',
  },
  {
    page: 'docs/compute.md',
    first: '| undone | built-in | tiny | small | medium | gpt2 |',
    reason: 'each choice was undone by hand and timed once',
  },
  {
    page: 'docs/design.md',
    first: 'load -> init -> train(1) -> prune(1) -> train(2) -> prune(2) -> ... -> prune(5) -> train(6)',
    reason: 'a sketch: no measurement',
  },
  {
    page: 'docs/exact-arithmetic.md',
    first: 'p0 = round(0.1 * 10)    s0 = round(0 + p0)',
    reason: 'what is computed, in which order: no measurement',
  },
  {
    page: 'docs/exact-arithmetic.md',
    first: 'for 8, 4, 2, 1 as half:',
    reason: 'what is computed, in which order: no measurement',
  },
  {
    page: 'docs/lint.md',
    first:
      '· data-orders: The 3 seeds of A1 are data orders of one checkpoint, and no models that were trained independently: intervals and tests are over data orders of one checkpoint, and of what the checkpoint itself has, n is 1.',
    reason: 'a study of a published model, which is not in this repository: an example of the form',
  },
  {
    page: 'docs/texts.md',
    first: '| part | is read by | share of the tokens |',
    reason: 'a rule of the stage, no measurement',
  },
  {
    page: 'docs/models.md',
    first: '| metadata | becomes |',
    reason: 'what is read as what: no measurement',
  },
  {
    page: 'docs/pipeline.md',
    first: '| profile | what it is for |',
    reason: 'no measurement',
  },
  { page: 'docs/report.md', first: 'report/pilot/', reason: 'names of files: no measurement' },
  {
    page: 'docs/shared-cache.md',
    first: '$ swp repro --profile pilot experiment=A1,B1 seed=0 --jobs 1 --verbose',
    reason: 'a recording of two users, made once',
  },
  {
    page: 'docs/shared-cache.md',
    first: '$ swp repro --profile pilot experiment=xavier-long seed=2 --jobs 1 --checkpoint-every 3 --verbose',
    reason: 'a recording of two users, made once',
  },
  {
    page: 'docs/shared-cache.md',
    first: '| | members of the group | everybody else |',
    reason: 'what the code does, held by tests/real: no measurement',
  },
  {
    page: 'docs/slurm.md',
    first: 'jobs: 9 queued (6 Dependency, 3 Priority), 2 running, 1 out of memory',
    reason: 'the form of what is printed, held by tests/cli/jobs.test.ts: no measurement',
  },
  {
    page: 'docs/slurm.md',
    first: '| how | jobs | `swp submit` | in all | seconds of processors |',
    reason: 'npm run bench:slurm needs a Slurm of its own, as root: measured once',
  },
  {
    page: 'docs/stages.md',
    first: '| Node.js | how it runs |',
    reason: 'what versions of Node do: no measurement',
  },
  {
    page: 'docs/statistics.md',
    first: '| what | against | agreement |',
    reason: 'names the tests of tests/science/statistics and their tolerances',
  },
  {
    page: 'docs/statistics.md',
    first: '| package (packages, size) | t quantile | t cdf | χ² quantile | beta quantile | normal cdf | ln Γ |',
    reason: 'packages that are not used were tried once',
  },
  {
    page: 'docs/super-weights.md',
    first: '| parameter | default | reason |',
    reason: 'its defaults are compared with the schema by made.test.ts, its numbers are sentences that are made',
  },
  {
    page: 'docs/study/README.md',
    first: '| experiments | said | took | beside it |',
    reason: 'times of runs that took hours, as they were told then',
  },
  {
    page: 'models/marker-retrieval-no-bos/README.md',
    first: '| language | what was found |',
    reason: 'languages that were tried before the committed one, once',
  },
  {
    page: 'studies/smollm2/README.md',
    first: '|                                        | start | train | prune | train | prune | train | prune | train |',
    reason: 'its study takes an hour and fetches the model',
  },
];
