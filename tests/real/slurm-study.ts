/** A study whose nodes run in jobs of a Slurm that a test has started, and what these jobs have told. */
import { readdir } from 'node:fs/promises';
import type { ResultPromise } from 'execa';
import { JournalReader, type JournalLine } from '../../src/engine/executors/slurm/journal.ts';
import { SwpProject, type SwpResult } from '../support/swp-project.ts';
import type { SlurmCluster } from './slurm-cluster.ts';

/** Of a job, which may have been started several times. */
export interface ToldLine {
  /** Index of its bundle in its submission. */
  bundle: number;
  /** What Slurm calls the job. */
  job: string;
  /** How often it had been started before. */
  start: number;
  line: JournalLine;
}

export class SlurmStudy {
  readonly project: SwpProject;
  readonly cluster: SlurmCluster;

  private constructor(project: SwpProject, cluster: SlurmCluster) {
    this.project = project;
    this.cluster = cluster;
  }

  /** From now on all commands of this test's process are for this cluster. */
  static async create(cluster: SlurmCluster, study: unknown): Promise<SlurmStudy> {
    process.env.SLURM_CONF = cluster.env.SLURM_CONF;
    return new SlurmStudy(await SwpProject.create(study), cluster);
  }

  swp(...args: string[]): Promise<SwpResult> {
    return this.project.swp(...args);
  }

  /** Starts `swp repro` in jobs; its events come on standard output. */
  repro(...args: string[]): ResultPromise<{ reject: false }> {
    return this.project.start('repro', '--executor', 'slurm', '--json', ...args);
  }

  /** What all jobs have told until now, job by job. */
  async told(): Promise<ToldLine[]> {
    const files = await readdir(this.project.path('cache'), { recursive: true }).catch(() => []);
    const journals = files
      .map((path) => /^(studies\/[^/]+\/slurm\/[^/]+)\/(\d+)\.0\.jsonl$/.exec(path))
      .flatMap((found) => (found === null ? [] : [{ folder: found[1]!, bundle: Number(found[2]) }]))
      .sort((a, b) => (a.folder < b.folder ? -1 : a.folder > b.folder ? 1 : a.bundle - b.bundle));
    return journals.flatMap(({ folder, bundle }) => {
      let [start, job] = [-1, ''];
      return new JournalReader(this.project.path('cache', folder), bundle).next().map((line) => {
        if (line.event === 'job-start') [start, job] = [start + 1, line.job];
        return { bundle, job, start, line };
      });
    });
  }

  /** Waits until a job has told something. @returns the first such line */
  async untilTold(isMeant: (told: ToldLine) => boolean, what: string): Promise<ToldLine> {
    const found = await this.cluster.until(
      async () => (await this.told()).filter(isMeant),
      ({ length }) => length > 0,
      what,
    );
    return found[0]!;
  }

  /** The machine that runs a job. */
  async machineOf(job: string): Promise<string> {
    return (await this.cluster.untilJob(job, 'RUNNING')).NodeList!;
  }

  /** Jobs that Slurm has not seen the end of. */
  async liveJobs(): Promise<string[]> {
    const { stdout } = await this.cluster.run('squeue', ['--noheader', '--array', '--format=%i']);
    return String(stdout)
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  }
}

/** By key of the node: digests of its artifacts. */
export async function digestsOf(project: SwpProject, ...args: string[]): Promise<Map<string, Record<string, string>>> {
  const { stdout } = await project.swp('show', 'stage=*', '--json', ...args);
  const { nodes } = JSON.parse(stdout) as {
    nodes: { key: string; record?: { artifacts: Record<string, { sha256: string }> } }[];
  };
  return new Map(
    nodes.map(({ key, record }) => [
      key,
      Object.fromEntries(Object.entries(record?.artifacts ?? {}).map(([name, { sha256 }]) => [name, sha256])),
    ]),
  );
}

/** Keys of nodes, each as often as a job has computed it to its end. */
export function computed(told: readonly ToldLine[]): string[] {
  return told.flatMap(({ line }) => (line.event === 'node-end' && line.outcome === 'ran' ? [line.key] : []));
}
