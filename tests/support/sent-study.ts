/** A study that is sent to a Slurm of scripts (fake-slurm.ts): jobs 1_0, for the run A1/s0, and 2_1, for aggregate. */
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FakeSlurm } from './fake-slurm.ts';
import { smallestStudy } from './smallest-study.ts';
import { SwpProject } from './swp-project.ts';

export async function projectWithSlurm(): Promise<{ project: SwpProject; slurm: FakeSlurm }> {
  const project = await SwpProject.create(await smallestStudy());
  return { project, slurm: new FakeSlurm(project) };
}

/** The folder of the only submission. */
export function submissionOf(project: SwpProject): string {
  const cache = project.path('cache');
  const [folder] = readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('submission.json'),
  );
  return join(cache, folder!, '..');
}

export const nodesOf = async (project: SwpProject) =>
  (await project.swp('status', '--json')).json<{ nodes: { key: string; step: string }[] }>()[0]!.nodes;

/** What `swp status` says after the tables. */
export const afterTables = (stdout: string) => stdout.split('is counted at each.\n')[1];

/** Lets a job tell something. */
export function tell(project: SwpProject, bundle: number, ...lines: object[]): void {
  const path = join(submissionOf(project), `${bundle}.0.jsonl`);
  appendFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

export const START = { event: 'job-start', job: '1_0', host: 'n1', pid: 1, at: '2026-01-01T00:00:00Z' };
export const label = { experiment: 'A1', seed: 0, round: 1, step: 'train' };
