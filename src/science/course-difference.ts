/** What keeps a control from being that of an arm, in words. */
import { isDeepStrictEqual } from 'node:util';
import { smallest } from '../base/extremes.ts';
import { listed } from '../base/listed.ts';
import { countText, valueText } from './lint/value-text.ts';
import type { CourseFact, Place, TrainingCourse } from './training-course.ts';

/** What is named; the rest is counted. */
const NAMED = 3;

export interface CourseDifference {
  /** How many things differ. */
  size: number;
  verb: 'starts' | 'trains' | 'is evaluated';
  /** `unpruned trains 60 steps a round, B1 200`. */
  details(ids: { control: string; arm: string }): string;
}

interface Variable extends Omit<CourseFact, 'value'> {
  /** By round. */
  control: unknown[];
  arm: unknown[];
}

type Detail = (ids: { control: string; arm: string }) => string;

/** How a control's course differs from an arm's, up to the arm's end. */
export function courseDifference(control: TrainingCourse, arm: TrainingCourse): CourseDifference {
  const start: Detail[] = [];
  const training: Detail[] = [];
  const evaluation: Detail[] = [];
  const models = [control, arm].map((course) => course.arm.declaration.model) as [string, string];
  if (models[0] !== models[1])
    start.push((ids) => `${ids.control} is ${named(models[0])}, ${ids.arm} ${named(models[1])}`);
  if (control.prunesBefore(arm.length)) training.push((ids) => `${ids.control} prunes as well`);
  if (control.length < arm.length)
    training.push(
      (ids) => `${ids.control} ends after ${trainingsText(control.length)}, ${ids.arm} after ${arm.length}`,
    );
  const compared = Math.min(control.length, arm.length);
  const [theirs, ours] = [control.facts(compared), arm.facts(compared)];
  const isSaid = ({ param }: Variable) => param === 'model' && models[0] !== models[1];
  const differing = variables(theirs, ours).filter((variable) => !isSaid(variable));
  for (const variable of differing)
    (variable.round === 0 ? start : training).push((ids) => variableText(variable, ids));
  const drawn = differing.some(({ stage, param }) => stage === 'init' && param === 'scheme');
  for (const { round, stage, text } of oneSided(control.places(compared), arm.places(compared)))
    // What is loaded follows from how the weights start.
    if (!drawn || stage !== 'load-pretrained') (round === 0 ? start : training).push(text);
  for (const variable of evaluations(control, arm))
    if (!isSaid(variable)) evaluation.push((ids) => variableText(variable, ids));
  const all = [...start, ...training, ...evaluation];
  return {
    size: all.length,
    verb: start.length > 0 ? 'starts' : training.length > 0 ? 'trains' : 'is evaluated',
    details: (ids) => {
      const shown = all.slice(0, NAMED).map((text) => text(ids));
      return [...shown, ...(all.length > NAMED ? [`${all.length - NAMED} more`] : [])].join('; ');
    },
  };
}

function trainingsText(length: number): string {
  return length === 1 ? 'one training' : `${length} trainings`;
}

/** Steps that run in one of the two alone, each once. */
function oneSided(theirs: readonly Place[], ours: readonly Place[]): { round: number; stage: string; text: Detail }[] {
  const found: { round: number; stage: string; text: Detail }[] = [];
  const sides = [
    [theirs, ours, 'control', 'arm'],
    [ours, theirs, 'arm', 'control'],
  ] as const;
  for (const [having, lacking, one, other] of sides) {
    const places = new Set(lacking.map(({ round, step }) => `${round} ${step}`));
    const rounds = new Map<string, { stage: string; at: Set<number> }>();
    for (const { round, step, stage } of having) {
      if (places.has(`${round} ${step}`)) continue;
      const alone = rounds.get(step) ?? { stage, at: new Set<number>() };
      alone.at.add(round);
      rounds.set(step, alone);
    }
    const goesBack = [...rounds.values()].some(({ stage }) => stage === 'rewind');
    for (const [step, { stage, at }] of rounds) {
      // The point that is gone back to is a training only for that.
      if (goesBack && stage === 'train' && at.has(0)) continue;
      found.push({
        round: smallest([...at]),
        stage,
        text: (ids) =>
          stage === 'rewind'
            ? `${ids[one]} goes back to other weights ${roundsText([...at])} (rewind.to), ${ids[other]} does not`
            : `${step} runs ${roundsText([...at])} in ${ids[one]}, not in ${ids[other]}`,
      });
    }
  }
  return found;
}

function roundsText(rounds: readonly number[]): string {
  if (rounds.includes(0)) return 'before the rounds';
  return `in round${rounds.length === 1 ? '' : 's'} ${rounds.length > 2 ? `${rounds[0]} to ${rounds.at(-1)}` : listed(rounds.map(String))}`;
}

/** Parameters that differ in a round in which the step runs in both. */
function variables(theirs: ReadonlyMap<string, CourseFact>, ours: ReadonlyMap<string, CourseFact>): Variable[] {
  const placesOf = (facts: ReadonlyMap<string, CourseFact>) => new Set([...facts.values()].map(({ place }) => place));
  const [inControl, inArm] = [placesOf(theirs), placesOf(ours)];
  const found = new Map<string, Variable>();
  for (const [key, fact] of new Map([...theirs, ...ours])) {
    if (!inControl.has(fact.place) || !inArm.has(fact.place)) continue;
    const name = `${fact.step}.${fact.param}`;
    const [one, other] = [theirs.get(key), ours.get(key)];
    const variable = found.get(name) ?? { ...fact, variable: nameOf(one, other), control: [], arm: [] };
    variable.control.push(one?.value);
    variable.arm.push(other?.value);
    found.set(name, variable);
  }
  const differing = [...found.values()].filter((variable) => !isDeepStrictEqual(variable.control, variable.arm));
  // How long is said first.
  return differing.sort((a, b) => Number(b.param === 'steps') - Number(a.param === 'steps'));
}

/** The same of how they are evaluated, of what is read against the control. */
function evaluations(control: TrainingCourse, arm: TrainingCourse): Variable[] {
  const found = new Map<string, Variable>();
  for (let round = 0; round <= arm.length; round++) {
    const theirs = control.lastEvaluation(round);
    if (theirs === undefined) continue;
    const inControl = control.evaluationFacts(theirs.round, theirs.phase);
    for (const phase of arm.comparedPhases(round)) {
      const inArm = arm.evaluationFacts(round, phase);
      for (const fact of inArm.length === 0 ? [] : [...inArm, ...inControl]) {
        const [one, other] = [inControl, inArm].map((facts) => facts.find(({ param }) => param === fact.param));
        const [theirs, ours] = [one?.value, other?.value];
        if (!found.has(fact.param) && !isDeepStrictEqual(theirs ?? null, ours ?? null))
          found.set(fact.param, { ...fact, variable: nameOf(one, other), control: [theirs], arm: [ours] });
      }
    }
  }
  return [...found.values()];
}

/** The step's parameter where one of the two has a value of the step's own, else the stage's. */
function nameOf(...facts: (CourseFact | undefined)[]): string {
  const known = facts.flatMap((fact) => fact ?? []);
  return (known.find(({ variable, stage, param }) => variable !== `${stage}.${param}`) ?? known[0]!).variable;
}

function variableText(
  { variable, stage, param, control, arm }: Variable,
  ids: { control: string; arm: string },
): string {
  const [theirs, ours] = [control, arm].map((values) => (isConstant(values) ? values[0] : values));
  if (param === 'steps' && stage === 'train' && typeof theirs === 'number' && typeof ours === 'number')
    return `${ids.control} trains ${countText(theirs)} steps${control.length > 1 ? ' a round' : ''}, ${ids.arm} ${countText(ours)}`;
  return `${variable} is ${valueText(theirs)} in ${ids.control}, ${valueText(ours)} in ${ids.arm}`;
}

function isConstant(values: readonly unknown[]): boolean {
  return values.every((value) => isDeepStrictEqual(value, values[0]));
}

function named(model: string): string {
  return `of the model "${model}"`;
}
