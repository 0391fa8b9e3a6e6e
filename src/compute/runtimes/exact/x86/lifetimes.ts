/** Of the variables of a map kernel's body: where each is used, and which are the same in all lanes. */
import type { Instruction, LoopInstruction, Variable } from '../language.ts';

export type Simple = Exclude<Instruction, LoopInstruction>;

export interface Lifetime {
  /** Positions of its uses, ascending. One from outside of a loop is used at the loop's end, for the next iteration. */
  uses: number[];
  isUniform: boolean;
  /** Bits, if it is a constant. */
  constant?: number;
  /** Whether all it does is to select, before the loop that it is made in comes round. */
  onlySelects: boolean;
}

export interface Span {
  begin: number;
  end: number;
}

export class Lifetimes {
  readonly #variables = new Map<Variable, Lifetime & { loops: readonly LoopInstruction[] }>();
  readonly #positions = new Map<Instruction, Span>();
  /** By loop: what is used in it and made outside. */
  readonly #endUses = new Map<LoopInstruction, Set<Variable>>();
  #position = 0;

  constructor(body: readonly Instruction[]) {
    this.#walk(body, []);
    for (const { uses } of this.#variables.values()) uses.sort((a, b) => a - b);
  }

  of(variable: Variable): Lifetime {
    return this.#variables.get(variable)!;
  }

  /** Begin and end are the same but for loops. */
  positionOf(instruction: Instruction): Span {
    return this.#positions.get(instruction)!;
  }

  #walk(body: readonly Instruction[], loops: readonly LoopInstruction[]): void {
    for (const instruction of body) {
      const begin = ++this.#position;
      if (instruction.op !== 'loop') {
        for (const operand of operandsOf(instruction)) this.#use(operand, begin, loops, isMask(instruction, operand));
        if ('to' in instruction && typeof instruction.to === 'number') this.#make(instruction.to, instruction, loops);
        this.#positions.set(instruction, { begin, end: begin });
        continue;
      }
      const inside = [...loops, instruction];
      for (const { initial, variable } of instruction.accumulators) {
        this.#use(initial, begin, loops, false);
        this.#variables.set(variable, { uses: [], isUniform: false, onlySelects: false, loops: inside });
      }
      this.#walk(instruction.body, inside);
      const end = ++this.#position;
      for (const { next } of instruction.accumulators) this.#use(next, end, inside, false);
      this.#positions.set(instruction, { begin, end });
      this.#endUses.get(instruction)?.forEach((variable) => this.#variables.get(variable)!.uses.push(end));
    }
  }

  #use(variable: Variable, position: number, loops: readonly LoopInstruction[], selects: boolean): void {
    const lifetime = this.#variables.get(variable)!;
    lifetime.uses.push(position);
    const around = loops.filter((loop) => !lifetime.loops.includes(loop));
    if (!selects || around.length > 0) lifetime.onlySelects = false;
    for (const loop of around) {
      const used = this.#endUses.get(loop) ?? new Set();
      this.#endUses.set(loop, used.add(variable));
    }
  }

  #make(variable: Variable, instruction: Simple, loops: readonly LoopInstruction[]): void {
    const operands = operandsOf(instruction);
    const isUniform =
      instruction.op === 'constant' ||
      instruction.op === 'index' ||
      ((instruction.op === 'load' || instruction.op === 'loadInteger') && instruction.from.lane === 0) ||
      (operands.length > 0 && operands.every((operand) => this.#variables.get(operand)!.isUniform));
    const constant = instruction.op === 'constant' ? instruction.bits : undefined;
    const onlySelects = COMPARISONS.has(instruction.op);
    this.#variables.set(variable, {
      uses: [],
      isUniform,
      onlySelects,
      loops,
      ...(constant !== undefined && { constant }),
    });
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(['less', 'lessOrEqual', 'equal']);

function isMask(instruction: Instruction, operand: Variable): boolean {
  return (
    instruction.op === 'select' &&
    instruction.mask === operand &&
    instruction.a !== operand &&
    instruction.b !== operand
  );
}

export function operandsOf(instruction: Simple): Variable[] {
  if ('value' in instruction) return [instruction.value];
  if ('mask' in instruction) return [instruction.mask, instruction.a, instruction.b];
  if ('b' in instruction) return [instruction.a, instruction.b];
  return 'a' in instruction ? [instruction.a] : [];
}
