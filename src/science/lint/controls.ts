/** What the comparisons of a study can be read against: its controls, and twins that differ in one variable. */
import { isDeepStrictEqual } from 'node:util';
import { groupBy } from '../../base/groups.ts';
import { canonicalJson, type JsonValue } from '../../base/json.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import { ControlSearch, isPositiveControl } from '../positive-control.ts';
import type { Arm } from './arm.ts';
import { differingVariables } from './contrast.ts';

/** Made once for a study and asked for every arm: a study may have thousands of each. */
export class Controls {
  readonly hasNegative: boolean;
  readonly #arms: readonly Arm[];
  readonly #positive: ControlSearch<{ experiment: ExperimentDeclaration }>;
  /** Stages that run in every experiment: twins have equal parameters of these. */
  readonly #common: readonly string[];
  /** By variable, the experiments that may be twins in it. */
  readonly #twins = new Map<string, Map<string, Arm[]>>();

  constructor(study: StudyDeclaration, arms: readonly Arm[]) {
    this.#arms = arms;
    this.hasNegative = arms.some(({ declaration }) => declaration.role === 'negative-control');
    this.#positive = new ControlSearch(
      study,
      study.experiments.filter(isPositiveControl).map((experiment) => ({ experiment })),
    );
    const stages = Object.keys(study.experiments[0]?.params ?? {});
    this.#common = stages.filter((stage) => arms.every((arm) => arm.hasStage(stage)));
  }

  /** Whether an arm has a control: the same that its results are read against. */
  hasPositive({ declaration }: Arm): boolean {
    return this.#positive.find(declaration) !== undefined;
  }

  /**
   * Whether an experiment with such a value of a variable is the same as an arm in everything else.
   * @param is the same for every call with this variable
   */
  hasTwin(arm: Arm, variable: string, is: (value: unknown) => boolean): boolean {
    let twins = this.#twins.get(variable);
    if (twins === undefined) {
      twins = groupBy(
        this.#arms.filter((each) => is(each.value(variable))),
        (each) => this.#alike(each, variable),
      );
      this.#twins.set(variable, twins);
    }
    const candidates = twins.get(this.#alike(arm, variable)) ?? [];
    return candidates.some((twin) => isDeepStrictEqual(differingVariables(arm, twin), [variable]));
  }

  /** The same for all arms that can be twins in a variable; few others have it, too. */
  #alike(arm: Arm, variable: string): string {
    const { rounds, finalTrain, model, params } = arm.declaration;
    const places = Array.from({ length: arm.lastRound }, (_, index) => index + 1);
    const variables = this.#common
      .flatMap((stage) => Object.keys(params[stage] ?? {}).map((param) => `${stage}.${param}`))
      .filter((each) => each !== variable)
      .sort();
    const values = variables.map((each) => {
      const byRound = places.map((round) => canonicalJson((arm.valueIn(each, round) ?? null) as JsonValue));
      return new Set(byRound).size > 1 ? byRound : byRound.slice(0, 1);
    });
    return JSON.stringify([rounds, finalTrain, model, values]);
  }
}
