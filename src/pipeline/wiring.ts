/** How the steps of one run are connected: lint compares it between arms. */
import { isDeepStrictEqual } from 'node:util';
import type { WiredRounds, WiredStep } from '../generated/aggregate.ts';
import { expandRun, type StepInstance } from './expand.ts';
import type { Experiment, Study } from './study.ts';

/** The same for all seeds of an experiment; successive rounds that are alike stand there once. */
export function declareWiring(study: Study, experiment: Experiment): WiredRounds[] {
  const rounds: WiredRounds[] = [];
  const byRound = new Map<number, WiredStep[]>();
  for (const instance of expandRun(study, experiment, experiment.seeds[0] ?? 0)) {
    const { round, step } = instance.label;
    const steps = byRound.get(round) ?? [];
    steps.push({ step, stage: instance.step.stage.name, inputs: wiredInputs(instance) });
    byRound.set(round, steps);
  }
  for (const [round, steps] of byRound) {
    const last = rounds.at(-1);
    if (last?.to === round - 1 && isDeepStrictEqual(last.steps, steps)) last.to = round;
    else rounds.push({ from: round, to: round, steps });
  }
  return rounds;
}

function wiredInputs({ inputs, label }: StepInstance): Record<string, string> {
  const place = (producer: number) =>
    producer === label.round ? '' : producer > 0 && producer === label.round - 1 ? ' -1' : ` @${producer}`;
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { instance, artifact }]) => [
      name,
      `${instance.label.step}.${artifact}${place(instance.label.round)}`,
    ]),
  );
}
