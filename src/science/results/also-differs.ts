/** What two experiments are declared to do differently, besides what they are compared in. */
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import { Arm, split } from '../lint/arm.ts';
import { differingVariables, wiringDifferences } from '../lint/contrast.ts';
import { stagesGatheredAs } from '../study-declaration.ts';
import { TrainingCourse } from '../training-course.ts';

/**
 * Variables with other values in a step that runs in one of the two, as `swp lint` names them.
 * @param compared what the comparison is about, left out: variables, or whole stages
 */
export function differingBesides(
  study: StudyDeclaration,
  arm: ExperimentDeclaration,
  baseline: ExperimentDeclaration,
  compared: readonly string[],
): string[] {
  return differingVariables(new Arm(baseline, study), new Arm(arm, study))
    .filter((name) => !compared.some((part) => name === part || name.startsWith(`${part}.`)))
    .sort();
}

/**
 * The same of an arm and its control, which trains alike up to the arm's end: what the arm does beside its pruning,
 * such as releasing its mask or restoring what it lost in an evaluation. Detections change no loss.
 */
export function treatmentBesides(
  study: StudyDeclaration,
  arm: ExperimentDeclaration,
  control: ExperimentDeclaration,
): string[] {
  const apart = ['prunings', 'superWeights'].flatMap((input) => [
    ...stagesGatheredAs(input, study),
    ...Object.entries(study.steps).flatMap(([step, { gatheredAs }]) => (gatheredAs.includes(input) ? [step] : [])),
  ]);
  const course = new TrainingCourse(study, arm);
  const alike = new Set(
    [
      ...course.facts(course.length).values(),
      ...Array.from({ length: course.length + 1 }, (_, round) => course.evaluationFacts(round, 'trained')).flat(),
    ].flatMap(({ step, stage, param }) => [`${step}.${param}`, `${stage}.${param}`]),
  );
  return differingBesides(study, arm, control, apart).filter((name) => split(name).owner !== '' && !alike.has(name));
}

/** Steps that run in one of the two alone, or take their inputs from elsewhere, in words. */
export function connectedBesides(
  study: StudyDeclaration,
  arm: ExperimentDeclaration,
  baseline: ExperimentDeclaration,
): string[] {
  return wiringDifferences(new Arm(baseline, study), new Arm(arm, study));
}
