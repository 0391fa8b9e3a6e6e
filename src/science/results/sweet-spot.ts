/** How sparse an experiment gets before its quality is no longer known to hold. */
import { addTo } from '../../base/groups.ts';
import { percent, significant } from '../../base/number-text.ts';
import type { AnalysisDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { Measurement, SweetSpot, SweetSpotLevel } from '../../generated/results.ts';
import type { ControlSearch } from '../positive-control.ts';
import { spread } from '../statistics/spread.ts';
import { tUpperBound } from '../statistics/student-t.ts';
import { distinct, known } from './computations.ts';
import { controlMeasurement } from './control-pairs.ts';
import { copiedPairs, type Arm } from './paired-difference.ts';

/**
 * The sweet spot of every experiment that prunes and is no control itself: the largest sparsity up to which the
 * one-sided upper t bound of the mean increase of log-perplexity over the positive control stays under the tolerance.
 * Each level is measured after its retraining and paired by seed with the control at the same round and after as many
 * training steps, so that training alone makes no difference. Levels are taken by rising sparsity and the first that
 * fails ends the sequence: a fixed sequence of tests needs no adjustment (Maurer, Hothorn & Lehmacher 1995).
 */
export function sweetSpots(study: StudyDeclaration, arms: Arm[], controls: ControlSearch<Arm>): SweetSpot[] {
  return arms.filter(isCandidate).map((arm) => sweetSpot(arm, controls, study.analysis));
}

function isCandidate({ experiment, runs }: Arm): boolean {
  const role = experiment.role ?? 'arm';
  return (
    role === 'arm' && runs.some(({ measurements }) => measurements.some((measured) => measured.phase === 'pruned'))
  );
}

function sweetSpot(arm: Arm, controls: ControlSearch<Arm>, { tolerance, confidence }: AnalysisDeclaration): SweetSpot {
  const control = controls.find(arm.experiment);
  const levels = control === undefined ? [] : levelsOf(arm, control, confidence);
  const passes = ({ upperBound }: SweetSpotLevel) => upperBound !== null && upperBound < tolerance;
  const firstFailure = levels.findIndex((level) => !passes(level));
  const reached = firstFailure < 0 ? levels.at(-1) : levels[firstFailure - 1];
  return {
    experiment: arm.experiment.id,
    control: control?.experiment.id ?? null,
    tolerance,
    confidence,
    levels,
    sweetSpot: reached === undefined ? null : { level: reached.level, sparsity: reached.sparsity },
    why:
      control === undefined
        ? withoutControl(controls.missing(arm.experiment))
        : reason(levels, firstFailure, tolerance),
  };
}

function withoutControl(missing: string): string {
  return `What pruning costs cannot be told from what training does: ${missing}.`;
}

function reason(levels: SweetSpotLevel[], firstFailure: number, tolerance: number): string {
  if (levels.length === 0) return 'No level of this experiment was measured after its retraining.';
  const failed = levels[firstFailure];
  if (failed === undefined) return `Every level stays under ${tolerance} nats; sparser ones were not tried.`;
  const at = `At ${percent(failed.sparsity)} sparsity`;
  if (failed.n === 1 && failed.copies > 0)
    return `${at} all ${1 + failed.copies} seeds share one computation, in this experiment or in its control, which gives no bound.`;
  if (failed.n < 2)
    return `${at} ${failed.n === 1 ? 'only one seed is' : 'no seed is'} known together with its control, which gives no bound.`;
  if (failed.upperBound === null)
    return `${at} all ${failed.n} seeds increase by exactly the same, which gives no bound.`;
  const nats = (value: number) => significant(value, 2, [tolerance, failed.upperBound!, failed.increase!]);
  return `${at} the upper bound is ${nats(failed.upperBound)} nats (mean ${nats(failed.increase!)}, n = ${failed.n}), not under ${tolerance}.`;
}

/**
 * A level's measurements after retraining, by rising sparsity; of equally sparse levels the last, which trained
 * longest.
 */
function levelsOf(arm: Arm, control: Arm, confidence: number): SweetSpotLevel[] {
  const trained = new Map<number, Measurement[]>();
  for (const { measurements } of arm.runs)
    for (const measured of measurements)
      if (measured.phase === 'trained' && measured.level > 0) addTo(trained, measured.level, measured);
  const levels = [...trained].flatMap(([level, all]) => {
    const reached = distinct(all, (measured) => measured).flatMap((same) => known(same, ({ sparsity }) => sparsity));
    const sparsity = spread(reached).mean;
    return sparsity === null || sparsity === 0 ? [] : [levelOf(arm, control, level, sparsity, confidence)];
  });
  return levels
    .filter(
      ({ sparsity, level }) =>
        !levels.some((other) => Math.abs(other.sparsity - sparsity) < 1e-9 && other.level > level),
    )
    .sort((a, b) => a.sparsity - b.sparsity);
}

function levelOf(arm: Arm, control: Arm, level: number, sparsity: number, confidence: number): SweetSpotLevel {
  const controlRuns = new Map(control.runs.map((run) => [run.seed, run]));
  const pairs = arm.runs.flatMap(({ seed, measurements }) => {
    const ours = measurements.find((measured) => measured.level === level && measured.phase === 'trained');
    const theirs = ours && controlMeasurement(controlRuns.get(seed), ours);
    return ours?.evaluation && theirs?.evaluation
      ? [
          {
            arm: ours.computation,
            baseline: theirs.computation,
            increase: ours.evaluation.loss - theirs.evaluation.loss,
          },
        ]
      : [];
  });
  const copies = new Set(copiedPairs(pairs));
  const increases = pairs.filter((pair) => !copies.has(pair)).map(({ increase }) => increase);
  const { n, mean } = spread(increases);
  return {
    level,
    sparsity,
    n,
    copies: copies.size,
    missing: arm.runs.length - pairs.length,
    increase: mean,
    upperBound: tUpperBound(increases, confidence) ?? null,
  };
}
