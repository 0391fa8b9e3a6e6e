/**
 * The control of an arm, everywhere the same: the positive control that starts and trains exactly as the arm does, at
 * the same round and after as many training steps, and is evaluated alike. Only then is what differs what the arm's
 * pruning did. There is no second best: an arm without such a control has none, and `missing` says why.
 */
import { groupBy } from '../base/groups.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { courseDifference, type CourseDifference } from './course-difference.ts';
import { TrainingCourse } from './training-course.ts';

interface Candidate<Control> {
  control: Control;
  course: TrainingCourse;
}

/** The controls of a study, to be searched for many experiments. */
export class ControlSearch<Control extends { experiment: ExperimentDeclaration }> {
  readonly #study: StudyDeclaration;
  readonly #all: readonly Candidate<Control>[];
  readonly #byBeginning: Map<string, Candidate<Control>[]>;
  /** What is nearest, by what an arm trains: many arms train alike. */
  readonly #nearest = new Map<string, { control: Candidate<Control>; difference: CourseDifference } | undefined>();

  /** @param all positive controls; of several that fit, the one that shares most seeds is found */
  constructor(study: StudyDeclaration, all: readonly Control[]) {
    this.#study = study;
    this.#all = all.map((control) => ({ control, course: new TrainingCourse(study, control.experiment) }));
    this.#byBeginning = groupBy(this.#all, ({ course }) => beginning(course));
  }

  /** The control of an experiment; of a positive control, none. */
  find(experiment: ExperimentDeclaration): Control | undefined {
    if (isPositiveControl(experiment)) return undefined;
    const course = new TrainingCourse(this.#study, experiment);
    const fitting = (this.#byBeginning.get(beginning(course)) ?? []).filter(
      (candidate) => commonSeeds(candidate, course) > 0 && isControlOf(candidate.course, course),
    );
    return fitting.reduce<Candidate<Control> | undefined>(
      (best, each) => (best === undefined || commonSeeds(each, course) > commonSeeds(best, course) ? each : best),
      undefined,
    )?.control;
  }

  /**
   * Why an experiment has no control, as half a sentence: which is nearest, and what differs.
   * @returns `no control trains as B1 does: unpruned trains 60 steps a round, B1 200`
   */
  missing(experiment: ExperimentDeclaration): string {
    if (this.#all.length === 0) return 'the study has no positive control';
    const course = new TrainingCourse(this.#study, experiment);
    const nearest = this.#nearestTo(course);
    if (nearest === undefined) return `no positive control has a seed of ${experiment.id}`;
    const { verb, details } = nearest.difference;
    const ids = { control: nearest.control.control.experiment.id, arm: experiment.id };
    return `no control ${verb} as ${ids.arm} ${verb === 'is evaluated' ? 'is' : 'does'}: ${details(ids)}`;
  }

  /** The control of fewest differences, the first of several; those that share a seed before all others. */
  #nearestTo(course: TrainingCourse) {
    const { declaration } = course.arm;
    const identity = JSON.stringify([
      declaration.model,
      course.length,
      declaration.finalTrain,
      declaration.seeds,
      Array.from({ length: course.length + 1 }, (_, round) => [
        course.round(round),
        course.comparedPhases(round).map((phase) => course.evaluation(round, phase) ?? null),
      ]),
    ]);
    if (!this.#nearest.has(identity)) {
      let best: { control: Candidate<Control>; difference: CourseDifference } | undefined;
      for (const control of this.#all.filter((each) => commonSeeds(each, course) > 0)) {
        const difference = courseDifference(control.course, course);
        if (best === undefined || difference.size < best.difference.size) best = { control, difference };
      }
      this.#nearest.set(identity, best);
    }
    return this.#nearest.get(identity);
  }
}

export function isPositiveControl({ role }: ExperimentDeclaration): boolean {
  return role === 'positive-control';
}

/** Whether a control is what the other would have been without its pruning, up to the other's end. */
function isControlOf(control: TrainingCourse, arm: TrainingCourse): boolean {
  if (control.arm.declaration.model !== arm.arm.declaration.model || control.prunesBefore(arm.length)) return false;
  return Array.from({ length: arm.length + 1 }, (_, round) => round).every(
    (round) => control.round(round) === arm.round(round) && isEvaluatedAlike(control, arm, round),
  );
}

/** Where both are evaluated. What an arm's last prune left is compared with the control's last training. */
function isEvaluatedAlike(control: TrainingCourse, arm: TrainingCourse, round: number): boolean {
  const theirs = control.lastEvaluation(round);
  return (
    theirs === undefined ||
    arm.comparedPhases(round).every((phase) => {
      const own = arm.evaluation(round, phase);
      return own === undefined || own === control.evaluation(theirs.round, theirs.phase);
    })
  );
}

function beginning(course: TrainingCourse): string {
  return `${course.arm.declaration.model}\n${course.round(0)}\n${course.length > 0 ? course.round(1) : ''}`;
}

function commonSeeds({ control }: Candidate<{ experiment: ExperimentDeclaration }>, { arm }: TrainingCourse): number {
  const seeds = new Set(control.experiment.seeds);
  return arm.declaration.seeds.filter((seed) => seeds.has(seed)).length;
}
