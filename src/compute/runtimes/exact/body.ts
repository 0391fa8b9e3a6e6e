/** Writes the body of a map kernel: one method per instruction, which returns the variable that it makes. */
import type { Access, Instruction, LoopInstruction, MapKernel, Variable } from './language.ts';

type Binary = Extract<Instruction, { a: Variable; b: Variable }>['op'];

const BITS = new DataView(new ArrayBuffer(4));

export class Body {
  readonly #numbers: { next: number };
  readonly #loops: { next: number };
  readonly #constants: ReadonlyMap<number, Variable>[];
  #own = new Map<number, Variable>();
  readonly instructions: Instruction[] = [];

  /** @param loops how many there are around the lanes */
  constructor(loops: number);
  constructor(loops: number, outer: Body);
  constructor(loops: number, outer?: Body) {
    this.#numbers = outer === undefined ? { next: 0 } : outer.#numbers;
    this.#loops = outer === undefined ? { next: loops } : outer.#loops;
    this.#constants = outer === undefined ? [] : [...outer.#constants, outer.#own];
  }

  constant(value: number): Variable {
    BITS.setFloat32(0, value);
    return this.bits(BITS.getUint32(0));
  }

  /** Bits of a constant, as an unsigned integer. */
  bits(bits: number): Variable {
    for (const known of [this.#own, ...this.#constants]) {
      const variable = known.get(bits);
      if (variable !== undefined) return variable;
    }
    const variable = this.#add((to) => ({ op: 'constant', to, bits }));
    this.#own.set(bits, variable);
    return variable;
  }

  load = (from: Access): Variable => this.#add((to) => ({ op: 'load', to, from }));
  loadInteger = (from: Access): Variable => this.#add((to) => ({ op: 'loadInteger', to, from }));
  index = (loop: number): Variable => this.#add((to) => ({ op: 'index', to, loop }));
  lane = (): Variable => this.#add((to) => ({ op: 'lane', to }));
  add = (a: Variable, b: Variable): Variable => this.#binary('add', a, b);
  sub = (a: Variable, b: Variable): Variable => this.#binary('sub', a, b);
  mul = (a: Variable, b: Variable): Variable => this.#binary('mul', a, b);
  div = (a: Variable, b: Variable): Variable => this.#binary('div', a, b);
  /** b > a ? b : a */
  max = (a: Variable, b: Variable): Variable => this.#binary('max', a, b);
  less = (a: Variable, b: Variable): Variable => this.#binary('less', a, b);
  lessOrEqual = (a: Variable, b: Variable): Variable => this.#binary('lessOrEqual', a, b);
  equal = (a: Variable, b: Variable): Variable => this.#binary('equal', a, b);
  and = (a: Variable, b: Variable): Variable => this.#binary('and', a, b);
  or = (a: Variable, b: Variable): Variable => this.#binary('or', a, b);
  xor = (a: Variable, b: Variable): Variable => this.#binary('xor', a, b);
  addInteger = (a: Variable, b: Variable): Variable => this.#binary('addInteger', a, b);
  subInteger = (a: Variable, b: Variable): Variable => this.#binary('subInteger', a, b);
  sqrt = (a: Variable): Variable => this.#add((to) => ({ op: 'sqrt', to, a }));
  toFloat = (a: Variable): Variable => this.#add((to) => ({ op: 'toFloat', to, a }));
  shiftLeft = (a: Variable, count: number): Variable => this.#add((to) => ({ op: 'shiftLeft', to, a, count }));
  shiftRight = (a: Variable, count: number): Variable => this.#add((to) => ({ op: 'shiftRight', to, a, count }));
  select = (mask: Variable, a: Variable, b: Variable): Variable =>
    this.#add((to) => ({ op: 'select', to, mask, a, b }));

  store(value: Variable, to: Access): void {
    this.instructions.push({ op: 'store', value, to });
  }

  storeInteger(value: Variable, to: Access): void {
    this.instructions.push({ op: 'storeInteger', value, to });
  }

  /**
   * A loop in the body.
   * @param initials of the accumulators
   * @param body is given the loop's number and the accumulators, and returns what an iteration leaves in them
   * @returns the accumulators behind the loop
   */
  loop(
    extent: number,
    initials: readonly Variable[],
    body: (inside: Body, loop: number, accumulators: readonly Variable[]) => readonly Variable[],
    part?: LoopInstruction['part'],
  ): readonly Variable[] {
    const inside = new Body(0, this);
    const loop = this.#loops.next++;
    const variables = initials.map(() => this.#numbers.next++);
    const next = body(inside, loop, variables);
    this.instructions.push({
      op: 'loop',
      loop,
      extent,
      accumulators: initials.map((initial, index) => ({ initial, variable: variables[index]!, next: next[index]! })),
      body: inside.instructions,
      ...(part && { part }),
    });
    return variables;
  }

  /** The kernel that this is the body of. */
  kernel(loops: readonly number[], lanes: number): MapKernel {
    return { kind: 'map', loops, lanes, body: this.instructions };
  }

  #binary(op: Binary, a: Variable, b: Variable): Variable {
    return this.#add((to) => ({ op, to, a, b }) as Instruction);
  }

  #add(instruction: (to: Variable) => Instruction): Variable {
    const to = this.#numbers.next++;
    this.instructions.push(instruction(to));
    return to;
  }
}
