/** Runs the toy stages of a rig within this process: a run takes milliseconds, where starting a worker takes longer. */
import { pathToFileURL } from 'node:url';
import type { JobOutcome, PreparedJob } from '../../src/engine/executor.ts';
import type { StageDefinition } from '../../src/engine/stage.ts';
import { FakeExecutor, type FakeJob } from './fake-executor.ts';
import type { Rig, ToyRun, ToyStudy } from './rig.ts';

export async function runToysHere(rig: Rig, study: ToyStudy): Promise<ToyRun> {
  const executor = new FakeExecutor({ slots: 1, run: runHere });
  return rig.run(study, { executor }).finally(() => executor.close());
}

async function runHere({ job, hear, signal }: FakeJob): Promise<JobOutcome> {
  const { default: stage } = (await import(pathToFileURL(job.module).href)) as { default: StageDefinition };
  const metrics = await stage.run({
    ...asStageJob(job),
    checkpoint: () => Promise.resolve(),
    progress: () => {},
    log: (line) => hear({ kind: 'output', text: `${line}\n` }),
    signal,
  });
  return { kind: 'done', metrics };
}

function asStageJob({ params, root, inputs, gathered, outputs, resume }: PreparedJob) {
  return {
    params,
    root,
    input: (name: string) => inputs[name]!,
    optionalInput: (name: string) => inputs[name],
    gathered: (name: string) => gathered[name] ?? [],
    output: (name: string) => outputs[name]!,
    ...(resume && { resume: { at: resume.at, state: (name: string) => resume.state[name]! } }),
  };
}
