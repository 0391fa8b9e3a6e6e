/**
 * The causal test of one weight: zeroing it must cost much in itself, and far more than zeroing matched controls costs.
 * A few controls that are super weights by that same measure, its twins, are set aside.
 */
import { decimal } from '../base/number-text.ts';
import type { ControlEffect, Coordinate } from '../generated/super-weights.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { Ablation, ZeroingEffect } from './ablation.ts';
import { matchedControls, type MatchedControl } from './controls.ts';
import type { HiddenUnits } from './hidden-units.ts';
import type { MatrixPosition } from './pruning.ts';

export interface ZeroingRule {
  minimumEffect: number;
  controlFactor: number;
  controlsPerKind: number;
  maximumTwins: number;
  seed: number;
}

/** One scalar's causal test. Controls are measured only where the effect is large enough for them to decide. */
export interface ZeroingOutcome extends ZeroingEffect {
  controls: ControlEffect[];
  worstControl: number;
  /** Why the test failed; undefined if it passed. */
  refusal?: string;
}

export class ZeroingTest {
  readonly #model: LanguageModel;
  readonly #ablation: Ablation;
  readonly #units: HiddenUnits;
  readonly #rule: ZeroingRule;

  constructor(model: LanguageModel, ablation: Ablation, units: HiddenUnits, rule: ZeroingRule) {
    this.#model = model;
    this.#ablation = ablation;
    this.#units = units;
    this.#rule = rule;
  }

  /** @param known weights that are no controls: super weights */
  async test(position: Coordinate, known: readonly MatrixPosition[]): Promise<ZeroingOutcome> {
    const { minimumEffect, controlFactor } = this.#rule;
    const zeroing = await this.#ablation.effect(position);
    const { effect } = zeroing;
    const undecided = { ...zeroing, controls: [], worstControl: 0 };
    if (this.#ablation.value(position) === 0) return { ...undecided, refusal: 'the weight there is 0 already' };
    if (!(await this.#units.isConnected(position)))
      return { ...undecided, refusal: 'the weight there multiplies nothing: its hidden unit has lost its inputs' };
    if (effect < minimumEffect)
      return { ...undecided, refusal: `zeroing it costs ${nats(effect, [minimumEffect])}, less than ${minimumEffect}` };
    const controls = await this.#controls(position, known, effect);
    const worst = controls
      .filter(({ twin }) => !twin)
      .reduce<ControlEffect | undefined>(
        (worst, control) => (worst && worst.effect >= control.effect ? worst : control),
        undefined,
      );
    if (worst === undefined)
      return {
        ...undecided,
        refusal: `zeroing it costs ${nats(effect)}, but no weight is left in its tensor to compare it with`,
      };
    const worstControl = worst.effect;
    if (effect >= controlFactor * worstControl) return { ...zeroing, controls, worstControl };
    const comparable = controls.filter((control) => this.#isComparable(control, effect)).length;
    const crowd =
      comparable > this.#rule.maximumTwins
        ? `; its controls that cost as much as super weights do (${comparable}) are more than the ${this.#rule.maximumTwins} that may be its twins`
        : '';
    const refusal = `zeroing it costs ${nats(effect)}, only ${decimal(effect / worstControl, 1, [controlFactor])} times its worst control (${worst.kind} [${worst.row}, ${worst.col}], ${nats(worstControl)}); ${controlFactor} times is needed${crowd}`;
    return { ...zeroing, controls, worstControl, refusal };
  }

  /** A candidate's matched controls with what zeroing each costs. Those comparable to it are twins, if they are few. */
  async #controls(position: Coordinate, known: readonly MatrixPosition[], effect: number): Promise<ControlEffect[]> {
    const controls: ControlEffect[] = [];
    for (const control of await this.matchedControls(position, known, this.#rule.controlsPerKind)) {
      const place = { tensor: position.tensor, row: control.row, col: control.col };
      controls.push({
        ...control,
        value: this.#ablation.value(place),
        ...(await this.#ablation.effect(place)),
        twin: false,
      });
    }
    const comparable = controls.filter((control) => this.#isComparable(control, effect));
    if (comparable.length <= this.#rule.maximumTwins) for (const control of comparable) control.twin = true;
    return controls;
  }

  /** @param known weights that are no controls, such as super weights; those that multiply nothing are none either */
  async matchedControls(
    { tensor, layer, row, col }: Coordinate,
    known: readonly MatrixPosition[],
    perKind: number,
  ): Promise<MatchedControl[]> {
    const matrix = { shape: this.#model.shape(tensor), data: this.#model.weight(tensor) };
    const cols = matrix.shape[1]!;
    const silent = await this.#units.silent(tensor);
    const excluded = new Set([
      ...known.filter((other) => other.tensor === tensor).map((other) => other.row * cols + other.col),
      ...(silent?.includes(1) ? [...matrix.data.keys()].filter((index) => silent[index % cols] === 1) : []),
    ]);
    return matchedControls(matrix, { layer, row, col }, perKind, excluded, this.#rule.seed);
  }

  /**
   * Whether a control costs as much as super weights do, and so much that it would refuse a candidate of this effect.
   */
  #isComparable(control: ControlEffect, effect: number): boolean {
    return control.effect >= this.#rule.minimumEffect && effect < this.#rule.controlFactor * control.effect;
  }
}

/** @param apart as of `decimal` */
export function nats(effect: number, apart: readonly number[] = []): string {
  return `${decimal(effect, 4, apart)} nats`;
}
