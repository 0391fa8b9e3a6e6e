/**
 * What weights cost together that cost little alone. Where several weights of one layer write the same output
 * channel, each may make up for the others: then none of them need be a super weight by its own effect, and the set
 * is. A set is confirmed as joint if
 *
 * - zeroing it costs `minimumEffect` or more, and `jointFactor` times what its members cost one by one;
 * - every member is needed: with any one of them left in place, or with another weight of the row zeroed in its stead,
 *   what is left of the effect is at most the `jointFactor`th part;
 * - it costs `controlFactor` times what zeroing any matched set of as many weights does.
 */
import { decimal } from '../base/number-text.ts';
import type { Coordinate, JointControl, JointEffect, SuperWeightReport } from '../generated/super-weights.ts';
import { identityOf, type Ablation, type ZeroingEffect } from './ablation.ts';
import { CONTROL_KINDS, type MatchedControl } from './controls.ts';
import type { MatrixPosition } from './pruning.ts';
import { nats } from './zeroing-test.ts';

export interface JointRule {
  jointSize: number;
  jointFactor: number;
  minimumEffect: number;
  controlFactor: number;
}

/** Candidates of one down projection and output channel, by falling contribution to its spike. */
export type JointCandidates = readonly Coordinate[];

/** One matched control of each kind for a weight, none of which is excluded or must not be a control. */
export type ControlSource = (position: Coordinate, excluded: readonly MatrixPosition[]) => Promise<MatchedControl[]>;

/** What was measured of a set on the way to a verdict; `left`: the largest effect with one member in place. */
interface Judgement {
  left?: number;
  controls?: JointControl[];
  worst?: number;
  refusal?: string | undefined;
}

/** Effects of sets of weights, and of what they are compared with. */
export class JointEffects {
  readonly #ablation: Ablation;
  readonly #rule: JointRule;
  readonly #controlsOf: ControlSource;

  constructor(ablation: Ablation, rule: JointRule, controlsOf: ControlSource) {
    this.#ablation = ablation;
    this.#rule = rule;
    this.#controlsOf = controlsOf;
  }

  /**
   * The first `jointSize` candidates together; of these, those that are needed.
   * @param superWeights which are no controls
   * @returns undefined if there is no second one to zero
   */
  async judge(candidates: JointCandidates, superWeights: readonly MatrixPosition[]): Promise<JointEffect | undefined> {
    const all = candidates.slice(0, this.#rule.jointSize);
    if (all.length < 2) return undefined;
    const { minimumEffect } = this.#rule;
    const together = await this.#ablation.effect(...all);
    if (together.effect < minimumEffect)
      return this.#entry(all, together, {
        refusal: `together they cost ${nats(together.effect, [minimumEffect])}, less than ${minimumEffect}`,
      });
    const members = await this.#needed(all);
    if (members.length < 2)
      return this.#entry(all, together, {
        refusal: `no two of them are needed for it: leaving any one in place takes no ${this.#rule.jointFactor} times as much away`,
      });
    return this.#test(members, superWeights);
  }

  /**
   * Of members of a joint set, what those cost together that are not 0, and whether that is far more than what matched
   * sets of as many weights cost.
   */
  async remaining(
    members: readonly Coordinate[],
    superWeights: readonly MatrixPosition[],
  ): Promise<ZeroingEffect & { functional: boolean }> {
    const left = members.filter((member) => this.#ablation.value(member) !== 0);
    const zeroing = await this.#ablation.effect(...left);
    if (zeroing.effect < this.#rule.minimumEffect) return { ...zeroing, functional: false };
    const controls = await this.#matchedSets(left, [...members, ...superWeights]);
    const worst = Math.max(...controls.map(({ effect }) => effect));
    return {
      ...zeroing,
      functional: controls.length > 0 && zeroing.effect >= this.#rule.controlFactor * worst,
    };
  }

  /** Without those, one by one, that can stay in place while most of the effect remains: the least needed first. */
  async #needed(all: readonly Coordinate[]): Promise<readonly Coordinate[]> {
    let members = all;
    while (members.length > 1) {
      const { effect } = await this.#ablation.effect(...members);
      const without = await this.#without(members);
      const most = Math.max(...without);
      if (most * this.#rule.jointFactor <= effect) break;
      const spare = without.indexOf(most);
      members = members.filter((_, index) => index !== spare);
    }
    return members;
  }

  /** What is left of the effect with each member left in place. */
  async #without(members: readonly Coordinate[]): Promise<number[]> {
    const left: number[] = [];
    for (const member of members)
      left.push((await this.#ablation.effect(...members.filter((other) => other !== member))).effect);
    return left;
  }

  async #test(members: readonly Coordinate[], superWeights: readonly MatrixPosition[]): Promise<JointEffect> {
    const excluded = [...members, ...superWeights];
    const { jointFactor, controlFactor, minimumEffect } = this.#rule;
    const together = await this.#ablation.effect(...members);
    const { effect } = together;
    const sum = await this.#sumOfEffects(members);
    if (effect < minimumEffect)
      return this.#entry(members, together, {
        refusal: `together they cost ${nats(effect, [minimumEffect])}, less than ${minimumEffect}`,
      });
    if (effect < jointFactor * sum)
      return this.#entry(members, together, {
        refusal: `together they cost ${nats(effect)}, only ${decimal(effect / sum, 1, [jointFactor])} times what they cost one by one (${nats(sum)}); ${jointFactor} times is needed`,
      });
    const left = Math.max(...(await this.#without(members)));
    const controls = [...(await this.#matchedSets(members, excluded)), ...(await this.#exchanged(members, excluded))];
    const worstOf = (exchanged: boolean) =>
      controls
        .filter(({ kind }) => (kind === 'exchanged') === exchanged)
        .reduce<JointControl | undefined>(
          (worst, each) => (worst && worst.effect >= each.effect ? worst : each),
          undefined,
        );
    const [matched, exchanged] = [worstOf(false), worstOf(true)];
    const refusal =
      matched === undefined
        ? `together they cost ${nats(effect)}, but no weights are left in their tensor to compare them with`
        : effect < controlFactor * matched.effect
          ? `together they cost ${nats(effect)}, only ${decimal(effect / matched.effect, 1, [controlFactor])} times the worst matched set (${setText(matched)}, ${nats(matched.effect)}); ${controlFactor} times is needed`
          : exchanged !== undefined && effect < jointFactor * exchanged.effect
            ? `with another weight in one's stead (${setText(exchanged)}) it is still ${nats(exchanged.effect)} of ${nats(effect)}`
            : undefined;
    return this.#entry(members, together, { left, controls, worst: matched?.effect ?? 0, refusal });
  }

  /** Sets of as many weights as resemble the members: of each kind of control one, as far as there are enough. */
  async #matchedSets(members: readonly Coordinate[], excluded: readonly MatrixPosition[]): Promise<JointControl[]> {
    const { tensor } = members[0]!;
    const sets: JointControl[] = [];
    const taken: MatrixPosition[] = [...excluded];
    for (const kind of CONTROL_KINDS) {
      const chosen: MatrixPosition[] = [];
      for (const member of members) {
        const offered = await this.#controlsOf(member, [...taken, ...chosen]);
        const first = offered.find((control) => control.kind === kind);
        if (first !== undefined) chosen.push({ tensor, row: first.row, col: first.col });
      }
      if (chosen.length < members.length) continue;
      taken.push(...chosen);
      sets.push(await this.#control(kind, chosen));
    }
    return sets;
  }

  /** The set with one member exchanged for the largest other weight of its row, for every member. */
  async #exchanged(members: readonly Coordinate[], excluded: readonly MatrixPosition[]): Promise<JointControl[]> {
    const sets: JointControl[] = [];
    for (const member of members) {
      const offered = await this.#controlsOf(member, excluded);
      const other = offered.find(({ kind, row }) => kind === 'same-row' || row === member.row);
      if (other === undefined) continue;
      const place = { tensor: member.tensor, row: other.row, col: other.col };
      sets.push(await this.#control('exchanged', [place, ...members.filter((each) => each !== member)]));
    }
    return sets;
  }

  async #control(kind: JointControl['kind'], places: readonly MatrixPosition[]): Promise<JointControl> {
    const members = places.map((place) => ({ row: place.row, col: place.col, value: this.#ablation.value(place) }));
    return { kind, members, ...(await this.#ablation.effect(...places)) };
  }

  async #sumOfEffects(members: readonly Coordinate[]): Promise<number> {
    let sum = 0;
    for (const member of members) sum += Math.max(0, (await this.#ablation.effect(member)).effect);
    return sum;
  }

  async #entry(
    members: readonly Coordinate[],
    { effect, effectStandardError }: ZeroingEffect,
    { left, controls = [], worst = 0, refusal }: Judgement,
  ): Promise<JointEffect> {
    const sumOfEffects = await this.#sumOfEffects(members);
    const excess = await this.#ablation.excess(members);
    const matched = controls.filter(({ kind }) => kind !== 'exchanged').length;
    return {
      members: [...members],
      effect,
      effectStandardError,
      sumOfEffects,
      excess: excess.effect,
      excessStandardError: excess.effectStandardError,
      ...(left === undefined ? {} : { largestWithoutOne: left }),
      controls,
      worstControl: worst,
      confirmed: refusal === undefined,
      verdict:
        refusal === undefined
          ? `Confirmed as joint: zeroing ${members.map(placeText).join(' and ')} together costs ${nats(effect)}, and one by one ${nats(sumOfEffects)} in all; with any one in place it is ${nats(left!)} at most; the worst of ${matched} matched sets costs ${nats(worst)}.`
          : `Refused as joint: ${refusal}.`,
    };
  }
}

/**
 * What must stay for a detection's super weights to do their work, and must go for it to be undone: those that count
 * alone, and the members of the joint sets, each once.
 */
export function superWeightsAndMembers({
  confirmed,
  joint = [],
}: Pick<SuperWeightReport, 'confirmed' | 'joint'>): MatrixPosition[] {
  const sets = joint.filter((set) => set.confirmed);
  const places = [...confirmed, ...sets.flatMap(({ members }) => members)].map(
    ({ tensor, row, col }): MatrixPosition => ({ tensor, row, col }),
  );
  return [...new Map(places.map((place) => [identityOf(place), place])).values()];
}

/** Whether two lists name the same weights, in whatever order. */
export function isSameSet(some: readonly MatrixPosition[], others: readonly MatrixPosition[]): boolean {
  const places = new Set(others.map(identityOf));
  return some.length === others.length && some.every((place) => places.has(identityOf(place)));
}

function placeText({ row, col }: { row: number; col: number }): string {
  return `[${row}, ${col}]`;
}

function setText({ kind, members }: JointControl): string {
  return `${kind} ${members.map(placeText).join(', ')}`;
}
