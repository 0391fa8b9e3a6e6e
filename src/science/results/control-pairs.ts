/** Which measurement of a control an arm's is read against: that of the same training, with nothing pruned. */
import type { Measurement, RunResult } from '../../generated/results.ts';
import { lastMeasurements, type Arm } from './paired-difference.ts';

/**
 * What the control's run of the same seed was after as many training steps as an arm at one of its moments: its last
 * measurement up to that round, before anything is pruned.
 * @param run undefined where the control has no run of that seed
 * @returns undefined where the control was not measured there, or where its training steps are not known or others
 */
export function controlMeasurement(
  run: RunResult | undefined,
  { round, step }: Pick<Measurement, 'round' | 'step'>,
): Measurement | undefined {
  const upTo = run?.measurements.filter((each) => each.round <= round && each.phase !== 'pruned').at(-1);
  const isSame = step !== null && upTo?.step === step && (upTo.sparsity ?? 0) === 0;
  return isSame ? upTo : undefined;
}

/** A control up to where an arm ends: each of its runs with the one measurement that the arm's end is read against. */
export function controlAtEnd(control: Arm, arm: Arm): Arm {
  const end = lastMeasurements(arm.runs).find(({ measured }) => measured !== undefined && measured.step !== null);
  return {
    experiment: control.experiment,
    runs: control.runs.map((run) => {
      const measured = end && controlMeasurement(run, end.measured!);
      return { ...run, measurements: measured === undefined ? [] : [measured] };
    }),
  };
}
