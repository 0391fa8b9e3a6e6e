/** What two arms differ in: variables, connections, nodes. */
import { largest } from '../../base/extremes.ts';
import { entryOf } from '../../base/json.ts';
import { addTo } from '../../base/groups.ts';
import { isDeepStrictEqual } from 'node:util';
import { listed } from '../../base/listed.ts';
import { producerOf } from '../study-declaration.ts';
import { split, type Arm } from './arm.ts';

/** Variables with different values, of steps that run in at least one of the arms. */
export function differingVariables(a: Arm, b: Arm): string[] {
  const names = [...new Set([...a.variables(), ...b.variables()])];
  return names.filter((variable) => isRelevant(variable, a, b) && a.differsFrom(b, variable));
}

function isRelevant(variable: string, a: Arm, b: Arm): boolean {
  const { owner } = split(variable);
  if (owner === '') return true;
  return [a, b].some((arm) =>
    Object.hasOwn(arm.declaration.params, owner) ? arm.hasStage(owner) : arm.hasStep(owner),
  );
}

/** Whether a variable has different values in a step that runs, in any two of the arms. */
export function acts(variable: string, arms: readonly Arm[]): boolean {
  const { owner, param } = split(variable);
  if (owner === '' || arms.some(({ wiring }) => wiring === undefined)) return differs(variable, arms);
  const taken = new Map<string, { step: string; round: number }>();
  for (const arm of arms)
    for (const round of arm.wiring!.keys())
      for (const step of arm.takers(variable, round)) taken.set(`${round} ${step}`, { step, round });
  // Where one arm takes it and any two values differ, one of the two differs from that of the arm that takes it.
  return [...taken.values()].some(({ step, round }) =>
    someDiffer(arms.map((arm) => arm.valueIn(`${step}.${param}`, round))),
  );
}

/** Whether a variable has different values in any two of the arms, as Arm.differsFrom says it of two. */
export function differs(variable: string, arms: readonly Arm[]): boolean {
  const most = largest(arms.map(({ declaration }) => declaration.rounds));
  for (let round = 1; round <= most; round++) {
    const having = arms.filter(({ declaration }) => declaration.rounds >= round);
    if (someDiffer(having.map((arm) => arm.valueIn(variable, round)))) return true;
  }
  const [final, others] = [true, false].map((has) => arms.filter(({ declaration }) => declaration.finalTrain === has));
  if (someDiffer(final!.map((arm) => arm.valueIn(variable, arm.lastRound)))) return true;
  // Two arms without a training in common differ where they are declared otherwise.
  const withoutRounds = (arm: Arm) => arm.declaration.rounds === 0;
  const declared = (some: readonly Arm[]) => someDiffer(some.map((arm) => arm.value(variable)));
  if (others!.some(withoutRounds) && declared(arms)) return true;
  const finalOnly = final!.filter(withoutRounds);
  return finalOnly.length > 0 && others!.length > 0 && declared([...finalOnly, ...others!]);
}

function someDiffer(values: readonly unknown[]): boolean {
  return values.some((value) => !isDeepStrictEqual(value, values[0]));
}

/**
 * How many nodes a run of the arms has, if each of them is the same node in both: equal steps, connections and
 * parameters, from which equal keys follow. Undefined if one differs, or if the declaration does not tell.
 */
export function commonNodes(a: Arm, b: Arm): number | undefined {
  if (a.wiring === undefined || b.wiring === undefined || !isDeepStrictEqual(a.wiring, b.wiring)) return undefined;
  const ofOther = new Set(b.declaration.seeds);
  const seeds = a.declaration.seeds.filter((seed) => ofOther.has(seed));
  let nodes = 0;
  for (const [round, steps] of a.wiring)
    for (const { step, stage } of steps) {
      nodes++;
      const params = new Set(
        [a, b].flatMap(({ declaration }) => [
          ...Object.keys(entryOf(declaration.params, stage) ?? {}),
          ...Object.keys(entryOf(declaration.steps, step)?.params ?? {}),
        ]),
      );
      for (const param of params) {
        const [own, other] = [a, b].map((arm) => arm.valueIn(`${step}.${param}`, round));
        // A seed that nobody set is the run's.
        if (!isDeepStrictEqual(own, other) && seeds.some((seed) => !isDeepStrictEqual(own ?? seed, other ?? seed)))
          return undefined;
      }
    }
  return seeds.length > 0 ? nodes : undefined;
}

/**
 * Steps that are connected otherwise, or run in one arm only, in words; each once, by the first round in which it
 * shows.
 */
export function wiringDifferences(a: Arm, b: Arm): string[] {
  if (a.wiring === undefined || b.wiring === undefined) return [];
  const said = new Set<string>();
  const oneSided: string[] = [];
  /** Steps by what is said of them. */
  const otherwise = new Map<string, string[]>();
  const rounds = [...new Set([...a.wiring.keys(), ...b.wiring.keys()])].sort((x, y) => x - y);
  for (const round of rounds) {
    const [own, other] = [a, b].map(
      (arm) => new Map((arm.wiring?.get(round) ?? []).map(({ step, inputs }) => [step, inputs])),
    ) as [Map<string, Inputs>, Map<string, Inputs>];
    for (const step of new Set([...own.keys(), ...other.keys()])) {
      const [mine, theirs] = [own.get(step), other.get(step)];
      if (said.has(step)) continue;
      if (mine === undefined || theirs === undefined) {
        const [there, absent] = mine === undefined ? [b, a] : [a, b];
        oneSided.push(`${step} runs ${inRounds(there, absent, step)} in ${there.id}, not in ${absent.id}`);
        said.add(step);
        continue;
      }
      for (const input of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
        if (mine[input] === theirs[input] || said.has(`${step}.${input}`)) continue;
        said.add(`${step}.${input}`);
        const what = `is ${sourceText(mine[input], round)} in ${a.id}, ${sourceText(theirs[input], round)} in ${b.id}`;
        const key = `${input}\n${round}\n${what}`;
        addTo(otherwise, key, step);
      }
    }
  }
  const connections = [...otherwise].map(([key, steps]) => {
    const [input = '', round, what = ''] = key.split('\n');
    return `the ${input} of ${listed(steps)}${round === '0' ? '' : ` in round ${round}`} ${what}`;
  });
  return [...oneSided, ...connections];
}

type Inputs = Record<string, string>;

function inRounds(there: Arm, absent: Arm, step: string): string {
  const has = (arm: Arm, round: number) => arm.wiring?.get(round)?.some((each) => each.step === step) ?? false;
  const rounds = [...(there.wiring?.keys() ?? [])].filter((round) => has(there, round) && !has(absent, round));
  if (rounds.length === 1 && rounds[0] === 0) return 'before the rounds';
  const isRun = rounds.length > 2 && rounds.every((round, index) => round === rounds[0]! + index);
  return `in round${rounds.length > 1 ? 's' : ''} ${isRun ? `${rounds[0]} to ${rounds.at(-1)}` : rounds.join(', ')}`;
}

/** `prune.mask -1`, seen from round 3, is prune.mask of round 2. */
function sourceText(source: string | undefined, round: number): string {
  if (source === undefined) return 'not connected';
  const producer = producerOf(source, round);
  const artifact = `${producer.step}.${producer.artifact}`;
  return producer.round === round || producer.round === 0 ? artifact : `${artifact} of round ${producer.round}`;
}
