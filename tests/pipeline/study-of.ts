/** Resolves a toy study given as a value or as text. */
import picocolors from 'picocolors';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { expandRun, type StepInstance } from '../../src/pipeline/expand.ts';
import { failureText } from '../../src/cli/failure-text.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';
import { toyStageSource } from '../support/toy-stages.ts';

export async function studyOf(content: unknown, profile?: string): Promise<Study> {
  const text = typeof content === 'string' ? content : JSON.stringify(content, null, 2);
  return resolveStudy(parseStudyFile(`${process.cwd()}/pipeline.json`, text), { profile, loader: toyStageSource });
}

/** The failures that a study meets; empty if it is right. Anything but a Failure is passed on. */
export async function mistakesOf(content: unknown, profile?: string): Promise<Failure[]> {
  try {
    await studyOf(content, profile);
    return [];
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return error.failure.kind === 'several' ? error.failure.failures : [error.failure];
  }
}

/** One run's instances by `step@round`, with inputs in the same words. */
export function runOf(
  study: Study,
  experiment: string,
  seed = 0,
): Map<string, { params: StepInstance['params']; inputs: Record<string, string> }> {
  const found = study.experiments.find(({ id }) => id === experiment);
  if (found === undefined) throw new Error(`No experiment ${experiment}.`);
  const name = ({ label }: StepInstance) => `${label.step}@${label.round}`;
  return new Map(
    expandRun(study, found, seed).map((instance) => [
      name(instance),
      {
        params: instance.params,
        inputs: Object.fromEntries(
          Object.entries(instance.inputs).map(([input, { instance: producer, artifact }]) => [
            input,
            `${name(producer)}.${artifact}`,
          ]),
        ),
      },
    ]),
  );
}

const colors = picocolors.createColors(false);

/** What a person reads for a study that is wrong. */
export async function textOf(content: unknown): Promise<string> {
  return (await mistakesOf(content)).map((failure) => failureText(failure, colors)).join('\n\n');
}
