/** Which detection of a run defines its reference set: the super weights that are followed through the run. */
import { entryOf } from '../base/json.ts';
import type { ParamProblem } from '../engine/stage.ts';
import type { ExperimentDeclaration, StudyDeclaration, WiredRounds } from '../generated/aggregate.ts';
import type { DetectSwParams } from '../generated/detect-sw.ts';
import type { Phase } from '../generated/results.ts';
import { inOrderOfTime } from './results/study-pieces.ts';
import { Arm } from './lint/arm.ts';
import { paramOf, producerOf, trainings } from './study-declaration.ts';

/**
 * Pretrained arms follow the super weights of the starting model; re-initialised ones those that emerged in round 1's
 * training, since nothing of the checkpoint is left in them.
 */
export function referencePhase(experiment: ExperimentDeclaration): 'start' | 'trained' {
  return paramOf(experiment, 'init', 'scheme') === 'pretrained' ? 'start' : 'trained';
}

/** Whether a run's super weights are followed: an emergence arm asks of every moment anew whether there are any. */
export function followsReference({ role }: ExperimentDeclaration): boolean {
  return role !== 'emergence';
}

/**
 * Detections that say nothing of their run's reference set: results could not be gathered from them. One entry per
 * step. What detections of a study's own stages say, only their authors know.
 */
export function referenceProblems(study: StudyDeclaration): ParamProblem[] {
  const problems = new Map<string, ParamProblem>();
  const examined = new Set<string>();
  for (const experiment of study.experiments.filter(followsReference)) {
    const phase = referencePhase(experiment);
    const wiring = experiment.wiring === undefined ? undefined : study.wirings?.[experiment.wiring];
    const identity = `${experiment.wiring} ${phase}`;
    if (wiring === undefined || examined.has(identity)) continue;
    examined.add(identity);
    const [defining, ...later] = detectionsFrom(phase, study, wiring);
    for (const { step, stage, round, reference } of later) {
      if (stage !== 'detect-sw' || problems.has(step) || reference === `${defining!.step} ${defining!.round}`) continue;
      problems.set(step, {
        param: 'study',
        input: { step, name: 'reference' },
        message: `Step "${step}" of ${experiment.id} does not say in round ${round} what became of the super weights that the run follows, which are those of "${defining!.step}"${phase === 'start' ? '' : ` in round ${defining!.round}`}`,
        expected: `"${phase === 'start' ? '' : 'first '}${defining!.step}.superWeights" as its input "reference"`,
      });
    }
  }
  return [...problems.values()];
}

/** What decides whether a detection confirms a super weight, or a joint set: parameters of detect-sw. */
const RULE = [
  'ordinaryQuantile',
  'spikeRatio',
  'contributions',
  'jointSize',
  'jointFactor',
  'minimumEffect',
  'controlFactor',
  'controlsPerKind',
  'maximumTwins',
  'candidateSequences',
  'causalSequences',
] as const;

/** What studies of earlier releases do not state: how it was. */
const UNSTATED: Partial<DeclaredRule> = { ordinaryQuantile: 1, contributions: 0, jointSize: 1, jointFactor: 2 };

/** A rule under which a detection says "confirmed" or "none". */
export type DeclaredRule = Required<Pick<DetectSwParams, (typeof RULE)[number]>>;

/**
 * The rule of one detection of an experiment, as resolved.
 * @param moment its step and round, counted from 1; 0 at the start
 * @returns undefined if the step's stage is not detect-sw: how it decides, only its authors know
 */
export function declaredRule(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
  moment: { step: string; round: number },
): DeclaredRule | undefined {
  return ruleOf(new Arm(experiment, study), study, moment);
}

function ruleOf(
  arm: Arm,
  study: StudyDeclaration,
  { step, round }: { step: string; round: number },
): DeclaredRule | undefined {
  const stage = entryOf(study.steps, step)?.stage;
  if (stage !== 'detect-sw') return undefined;
  const values = RULE.map((name) => [name, arm.valueAt({ step, stage }, name, round) ?? UNSTATED[name]] as const);
  if (values.some(([, value]) => value === undefined)) return undefined;
  return Object.fromEntries(values) as DeclaredRule;
}

/**
 * The rules under which an experiment's detections decide. `reference`: of the one that defines its reference set,
 * whose word is "confirmed" or "none emerged"; undefined if there is none, or if it is not of detect-sw. `all`: every
 * distinct one, as what is found again later is decided by later detections.
 */
export function declaredRules(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
): { reference: DeclaredRule | undefined; all: DeclaredRule[] } {
  const arm = new Arm(experiment, study);
  const wiring = experiment.wiring === undefined ? undefined : study.wirings?.[experiment.wiring];
  const detections = wiring === undefined ? plannedDetections(study, experiment) : detectionsOf(study, wiring);
  const phase = referencePhase(experiment);
  const rule = (detection: Pick<Detection, 'step' | 'round'> | undefined) => detection && ruleOf(arm, study, detection);
  const all = new Map<string, DeclaredRule>();
  for (const found of detections.flatMap((detection) => rule(detection) ?? [])) all.set(JSON.stringify(found), found);
  return { reference: rule(detections.find((detection) => detection.phase === phase)), all: [...all.values()] };
}

interface Detection {
  step: string;
  stage: string;
  round: number;
  phase: Phase;
  /** Step and round of the detection that it takes for its reference. */
  reference: string | undefined;
}

/** The detections of a run where it is not declared how steps are connected: one a round, and those of the start. */
function plannedDetections(
  study: StudyDeclaration,
  experiment: ExperimentDeclaration,
): Pick<Detection, 'step' | 'round' | 'phase'>[] {
  return Object.entries(study.steps)
    .flatMap(([step, { measures, gatheredAs }]) => {
      if (measures === undefined || !gatheredAs.includes('superWeights')) return [];
      const rounds = measures === 'start' ? 1 : measures === 'trained' ? trainings(experiment) : experiment.rounds;
      const first = measures === 'start' ? 0 : 1;
      return Array.from({ length: rounds }, (_, index) => ({ step, round: first + index, phase: measures }));
    })
    .sort(inOrderOfTime);
}

/** The detections of a run from the one that defines the reference set on; none if no detection does. */
function detectionsFrom(phase: Phase, study: StudyDeclaration, wiring: WiredRounds[]): Detection[] {
  const ordered = detectionsOf(study, wiring);
  const first = ordered.findIndex((detection) => detection.phase === phase);
  return first === -1 ? [] : ordered.slice(first);
}

/** The detections of a run, in order of time. */
function detectionsOf(study: StudyDeclaration, wiring: WiredRounds[]): Detection[] {
  const all = wiring.flatMap(({ from, to, steps }) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index).flatMap((round) =>
      steps.flatMap(({ step, stage, inputs }): Detection[] => {
        const { measures, gatheredAs = [] } = study.steps[step] ?? {};
        return measures !== undefined && gatheredAs.includes('superWeights')
          ? [{ step, stage, round, phase: measures, reference: referenceOf(inputs.reference, round) }]
          : [];
      }),
    ),
  );
  return all.sort(inOrderOfTime);
}

/** The detection that another one takes for its reference, as `step round`. */
function referenceOf(source: string | undefined, round: number): string | undefined {
  if (source === undefined) return undefined;
  const producer = producerOf(source, round);
  return producer.artifact === 'superWeights' ? `${producer.step} ${producer.round}` : undefined;
}
