/** Checks the body of a map kernel, and says what it reads and writes. */
import type { Access, Instruction, LoopInstruction, MapKernel, Variable } from './language.ts';
import { checkCounts, type Reach, type Step } from './reach.ts';

/** What a variable may be used as. A constant without bits, or with all of them, is a mask as well as a number. */
type Kind = 'number' | 'mask' | 'either';

/** @throws Error if it uses what is not made, or makes something twice */
export function bodyReach(kernel: MapKernel): Reach[] {
  checkCounts('extent', [...kernel.loops, kernel.lanes]);
  const check = new BodyCheck(kernel);
  check.body(kernel.body, { loops: kernel.loops.map((_, loop) => loop), kinds: new Map() });
  return check.reach;
}

/** What an instruction sees. */
interface Scope {
  /** Those that it is in. */
  loops: readonly number[];
  kinds: Map<Variable, Kind>;
}

class BodyCheck {
  readonly reach: Reach[] = [];
  readonly #kernel: MapKernel;
  readonly #extents = new Map<number, number>();
  readonly #made = new Set<Variable>();

  constructor(kernel: MapKernel) {
    this.#kernel = kernel;
    kernel.loops.forEach((extent, loop) => this.#extents.set(loop, extent));
  }

  body(body: readonly Instruction[], scope: Scope): void {
    for (const instruction of body) {
      if (instruction.op === 'loop') this.#loop(instruction, scope);
      else if (instruction.op === 'store' || instruction.op === 'storeInteger') this.#store(instruction, scope);
      else this.#make(instruction.to, this.#kindOf(instruction, scope), scope);
    }
  }

  #kindOf(made: Exclude<Instruction, { op: 'store' | 'storeInteger' | 'loop' }>, scope: Scope): Kind {
    switch (made.op) {
      case 'constant':
        return made.bits === 0 || made.bits >>> 0 === 0xffffffff ? 'either' : 'number';
      case 'load':
      case 'loadInteger':
        this.#access(made.from, made.op === 'load' ? 'float32' : 'int32', false, scope);
        return 'number';
      case 'index':
        if (!scope.loops.includes(made.loop)) throw new Error(`the index of loop ${made.loop} outside of it`);
        return 'number';
      case 'lane':
        return 'number';
      case 'less':
      case 'lessOrEqual':
      case 'equal':
        this.#uses(scope, made.a, made.b);
        return 'mask';
      case 'select':
        if (this.#uses(scope, made.mask)[0] === 'number') throw new Error(`variable ${made.mask} is no mask`);
        return common(this.#uses(scope, made.a, made.b));
      case 'and':
      case 'or':
      case 'xor':
        return common(this.#uses(scope, made.a, made.b));
      case 'shiftLeft':
      case 'shiftRight':
        if (!(Number.isInteger(made.count) && made.count >= 0 && made.count < 32))
          throw new Error(`a shift by ${made.count}`);
        this.#uses(scope, made.a);
        return 'number';
      case 'sqrt':
      case 'toFloat':
        this.#uses(scope, made.a);
        return 'number';
      default:
        this.#uses(scope, made.a, made.b);
        return 'number';
    }
  }

  #store({ op, value, to }: Extract<Instruction, { op: 'store' | 'storeInteger' }>, scope: Scope): void {
    this.#uses(scope, value);
    if (to.lane === 0 && this.#kernel.lanes > 1) throw new Error('all lanes store into one element');
    this.#access(to, op === 'store' ? 'float32' : 'int32', true, scope);
  }

  #loop({ loop, extent, accumulators, body }: LoopInstruction, scope: Scope): void {
    checkCounts('extent', [extent]);
    if (loop < this.#kernel.loops.length || this.#extents.has(loop)) throw new Error(`loop ${loop} is there twice`);
    if (scope.loops.some((outer) => outer > loop)) throw new Error(`loop ${loop} lies in one with a higher number`);
    this.#extents.set(loop, extent);
    const inside: Scope = { loops: [...scope.loops, loop], kinds: new Map(scope.kinds) };
    const kinds = accumulators.map(({ initial, variable }) => {
      const kind = this.#uses(scope, initial)[0] === 'mask' ? 'mask' : 'number';
      this.#make(variable, kind, inside);
      return kind;
    });
    this.body(body, inside);
    accumulators.forEach(({ variable, next }, index) => {
      const kind = this.#uses(inside, next)[0];
      if (scope.kinds.has(next)) throw new Error(`accumulator ${variable} gets ${next}, which its loop does not make`);
      if (kinds[index] === 'mask' && kind === 'number') throw new Error(`accumulator ${variable} is a mask at first`);
      scope.kinds.set(variable, kinds[index]!);
    });
  }

  #make(variable: Variable, kind: Kind, scope: Scope): void {
    if (this.#made.has(variable)) throw new Error(`variable ${variable} is made twice`);
    this.#made.add(variable);
    scope.kinds.set(variable, kind);
  }

  #uses(scope: Scope, ...variables: readonly Variable[]): Kind[] {
    return variables.map((variable) => {
      const kind = scope.kinds.get(variable);
      if (kind === undefined) throw new Error(`variable ${variable} is used where nothing has made it`);
      return kind;
    });
  }

  #access({ slot, strides, lane, row }: Access, dtype: 'float32' | 'int32', writes: boolean, scope: Scope): void {
    const around = this.#kernel.loops.length;
    const moves = this.#steps(strides, scope);
    const width = lane === 1 ? this.#kernel.lanes : 1;
    this.reach.push({
      ...{ slot, dtype, writes, width },
      ordered: moves.slice(0, around),
      free: moves.slice(around),
      ...(row && { row }),
    });
    if (row === undefined) return;
    const rows = this.#steps(row.strides, scope);
    this.reach.push({ slot: row.slot, dtype: 'int32', writes: false, ordered: rows, free: [], width: 1 });
  }

  /** By loop: those around the lanes first. */
  #steps(strides: readonly number[], scope: Scope): Step[] {
    strides.forEach((stride, loop) => {
      if (!Number.isSafeInteger(stride)) throw new Error(`a stride of ${stride}`);
      if (stride !== 0 && !scope.loops.includes(loop)) throw new Error(`a stride along loop ${loop} outside of it`);
    });
    return [...this.#extents].map(([loop, extent]) => ({ extent, stride: strides[loop] ?? 0 }));
  }
}

function common(kinds: readonly Kind[]): Kind {
  if (kinds.includes('number')) return 'number';
  return kinds.includes('mask') ? 'mask' : 'either';
}
