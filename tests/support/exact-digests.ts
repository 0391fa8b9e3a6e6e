/** Studies that the exact engine computes to the same bits on every machine, and the digests of what they make. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import type { SwpProject } from './swp-project.ts';
import { tinyStudy } from './tiny-study.ts';

/** Digests of artifacts, by the place of the node that made them. */
export type Digests = Record<string, Record<string, string>>;

interface ShownNode {
  round: number;
  step: string;
  runs: { experiment: string; seed: number }[];
  /** Paths. */
  artifacts: Record<string, string>;
  record: { artifacts: Record<string, { sha256: string }> };
}

/** The project's own study, whose profile `smoke` has every stage of it. */
export function committedStudy(): unknown {
  return JSON.parse(readFileSync(join(packageRoot, 'pipeline.json'), 'utf8')) as unknown;
}

/** The built-in model from new weights, trained for 200 steps in micro-batches, pruned, and trained under the mask. */
export function trainingStudy(batchSize = 4): unknown {
  const study = tinyStudy();
  study.name = 'exact-training';
  study.defaults.params = {
    init: { scheme: 'xavier' },
    train: {
      ...{ steps: 200, batchSize, microBatchSize: batchSize / 2, sequenceLength: 64 },
      ...{ schedule: 'warmup-cosine', warmupSteps: 20, learningRate: 0.003 },
    },
    eval: { sequences: 32, batchSize: 16, sequenceLength: 64 },
    prune: { fraction: 0.5 },
  };
  study.experiments = { A1: {} };
  return study;
}

/** Runs all that is missing of a study, and reads the digests of what it has. */
export async function computeExactly(project: SwpProject, ...options: string[]): Promise<Digests> {
  const which = ['--engine', 'exact', ...options.filter((_, index) => isOfStudy(options, index))];
  const { exitCode, stderr } = await project.swp('repro', '--engine', 'exact', ...options);
  if (exitCode !== 0) throw new Error(stderr);
  const shown = (await project.swp('show', 'stage=*', '--json', ...which)).json<{ nodes: ShownNode[] }>()[0]!;
  return Object.fromEntries(
    shown.nodes
      .map(({ round, step, runs, artifacts, record }): [string, Record<string, string>] => [
        [...runs.map(({ experiment, seed }) => `${experiment}/s${seed}`), `r${round}`, step].join(' '),
        Object.fromEntries(
          Object.entries(record.artifacts).map(([name, { sha256 }]) => [
            name,
            name === 'results' ? digestWithoutKeys(artifacts[name]!) : sha256,
          ]),
        ),
      ])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Of results that name the keys of nodes, which change with swp's code: without them. */
function digestWithoutKeys(path: string): string {
  const text = readFileSync(path, 'utf8').replaceAll(/[0-9a-f]{64}/g, '');
  return createHash('sha256').update(text).digest('hex');
}

/** Whether an option, or its value, says which study is meant. */
function isOfStudy(options: readonly string[], index: number): boolean {
  return options[index] === '--profile' || options[index - 1] === '--profile';
}
