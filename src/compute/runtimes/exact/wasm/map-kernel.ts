/**
 * A map kernel as a WebAssembly function. Its parameter is the address of the pointers of a call. Several vectors of
 * four lanes are computed side by side, so that the processor need not wait for one operation before it begins the
 * next; the last ones may have fewer lanes.
 */
import type { Access, Instruction, LoopInstruction, MapKernel, Variable } from '../language.ts';
import { Addresses, LANES_LOOP } from './addresses.ts';
import { FunctionWriter, type Local } from './function-writer.ts';
import type { WasmFunction } from './module.ts';

const LANES = 4;
const VECTOR_BYTES = 16;

export function mapFunction(kernel: MapKernel, slots: number): WasmFunction {
  return new MapWriter(kernel, slots).done();
}

/** A number that is known when the code is made, or when it runs. */
type Count = { known: number } | { local: Local };

/** Where in the lanes and loops instructions are written. */
interface Position {
  /** Lanes of each of the vectors side by side. */
  widths: readonly number[];
  /** The number of their first lane: known, or in a local. */
  firstLane: Count;
  addresses: Addresses;
  /** By loop. One without a local has one iteration. */
  indices: ReadonlyMap<number, Local | undefined>;
}

class MapWriter {
  readonly #writer = new FunctionWriter(1);
  readonly #kernel: MapKernel;
  readonly #uniform: ReadonlySet<Variable>;
  /** Of variables: one per vector; one for all of them if they are the same. */
  readonly #locals = new Map<Variable, readonly Local[]>();
  /** The numbers of lanes as float32, by vector. */
  #laneNumbers: readonly Local[] = [];

  constructor(kernel: MapKernel, slots: number) {
    this.#kernel = kernel;
    this.#uniform = uniformVariables(kernel.body);
    const pointers = Array.from({ length: slots }, (_, slot) =>
      this.#writer
        .get(0)
        .loadInteger(slot * 4)
        .keep('i32'),
    );
    this.#constants(kernel.body);
    this.#around(0, Addresses.outside(this.#writer, pointers, kernel.body), new Map());
  }

  done(): WasmFunction {
    return this.#writer.done();
  }

  /** Constants are made once, before all loops. */
  #constants(body: readonly Instruction[]): void {
    for (const instruction of body) {
      if (instruction.op === 'loop') this.#constants(instruction.body);
      else if (instruction.op === 'constant')
        this.#locals.set(instruction.to, [this.#writer.splat(instruction.bits).keep('v128')]);
    }
  }

  #around(loop: number, addresses: Addresses, indices: ReadonlyMap<number, Local | undefined>): void {
    const extent = this.#kernel.loops[loop];
    if (extent === undefined) return this.#lanes(addresses, indices);
    const inside = addresses.within(this.#kernel.body, ({ strides }) => (extent === 1 ? 0 : (strides[loop] ?? 0)));
    this.#writer.times(extent, (index) => {
      this.#around(loop + 1, inside.begin(loop), new Map([...indices, [loop, index]]));
      inside.advance(1);
    });
  }

  #lanes(addresses: Addresses, indices: ReadonlyMap<number, Local | undefined>): void {
    const { lanes, body } = this.#kernel;
    const vectors = sideBySide(body);
    const together = vectors * LANES;
    const times = Math.floor(lanes / together);
    const inside = addresses.within(body, ({ lane }) => (lanes > together ? lane : 0));
    const position = { addresses: inside.begin(LANES_LOOP), indices };
    if (times > 1) {
      const firstLane = this.#writer.integer(0).keep('i32');
      this.#writer.loop(() => {
        this.#group({
          ...position,
          widths: Array.from({ length: vectors }, () => LANES),
          firstLane: { local: firstLane },
        });
        inside.advance(together);
        this.#writer
          .moved(firstLane, together)
          .tee(firstLane)
          .integer(times * together)
          .integers('notEqual');
      });
    } else if (times === 1) {
      this.#group({ ...position, widths: Array.from({ length: vectors }, () => LANES), firstLane: { known: 0 } });
      inside.advance(together);
    }
    const rest = lanes - times * together;
    if (rest === 0) return;
    const widths = Array.from({ length: Math.ceil(rest / LANES) }, (_, vector) =>
      Math.min(LANES, rest - vector * LANES),
    );
    this.#group({ ...position, widths, firstLane: { known: times * together } });
  }

  /** The body for vectors side by side. */
  #group(position: Position): void {
    const { firstLane, widths } = position;
    if (usesLanes(this.#kernel.body))
      this.#laneNumbers = widths.map((_, vector) => {
        const [first, writer] = [vector * LANES, this.#writer];
        const at = 'known' in firstLane ? first + firstLane.known : first;
        writer.lanes([at, at + 1, at + 2, at + 3]);
        if ('local' in firstLane) writer.get(firstLane.local).vectors('splatInteger').vectors('addInteger');
        return writer.vectors('toFloat').keep('v128');
      });
    this.#body(this.#kernel.body, position);
  }

  #body(body: readonly Instruction[], position: Position): void {
    for (const instruction of body) {
      if (instruction.op === 'loop') this.#loop(instruction, position);
      else if (instruction.op === 'store' || instruction.op === 'storeInteger') this.#store(instruction, position);
      else if (instruction.op !== 'constant') this.#make(instruction, position);
    }
  }

  #make(
    made: Exclude<Instruction, { op: 'store' | 'storeInteger' | 'loop' | 'constant' }>,
    { widths, addresses, indices }: Position,
  ): void {
    const all = this.#uniform.has(made.to) ? [widths[0]!] : widths;
    if (made.op === 'lane') {
      this.#locals.set(made.to, this.#laneNumbers);
      return;
    }
    const locals = all.map((width, vector) => {
      const writer = this.#writer;
      const get = (variable: Variable) => writer.get(this.#of(variable, vector));
      switch (made.op) {
        case 'load':
        case 'loadInteger':
          this.#load(made.from, addresses, vector, width);
          if (made.op === 'loadInteger') writer.vectors('toFloat');
          break;
        case 'index': {
          const index = indices.get(made.loop);
          if (index === undefined) writer.splat(0);
          else writer.get(index).integerToFloat().vectors('splatFloat');
          break;
        }
        case 'select':
          get(made.a);
          get(made.b);
          get(made.mask).vectors('select');
          break;
        case 'sqrt':
        case 'toFloat':
          get(made.a).vectors(made.op);
          break;
        case 'shiftLeft':
        case 'shiftRight':
          get(made.a).integer(made.count).vectors(made.op);
          break;
        default:
          // The operation `pmax` is b > a ? b : a, too.
          get(made.a);
          get(made.b).vectors(made.op);
      }
      return writer.keep('v128');
    });
    this.#locals.set(made.to, locals);
  }

  #load(from: Access, addresses: Addresses, vector: number, width: number): void {
    const address = addresses.of(from);
    if (from.lane === 0) this.#writer.get(address).memory('loadSplat', 0);
    else this.#writer.loadLanes(address, vector * VECTOR_BYTES, width);
  }

  #store({ op, value, to }: Extract<Instruction, { op: 'store' | 'storeInteger' }>, position: Position): void {
    position.widths.forEach((width, vector) => {
      let local = this.#of(value, vector);
      if (op === 'storeInteger') local = this.#writer.get(local).vectors('toInteger').keep('v128');
      this.#writer.storeLanes(position.addresses.of(to), vector * VECTOR_BYTES, width, local);
    });
  }

  #loop({ loop, extent, accumulators, body, part }: LoopInstruction, position: Position): void {
    const writer = this.#writer;
    const { widths, firstLane } = position;
    for (const { initial, variable } of accumulators)
      this.#locals.set(
        variable,
        widths.map((_, vector) => writer.get(this.#of(initial, vector)).keep('v128')),
      );
    const { first, end } = this.#bounds(extent, part, firstLane, widths.length * LANES);
    const write = () => {
      const index = push(writer, first).keep('i32');
      const strideOf = ({ strides }: Access) => strides[loop] ?? 0;
      const inside = position.addresses.within(body, strideOf, part === 'index>=lane' ? index : undefined);
      writer.loop(() => {
        const indices = new Map([...position.indices, [loop, index]]);
        this.#body(body, { ...position, addresses: inside.begin(loop), indices });
        this.#next(accumulators, widths.length);
        inside.advance(1);
        push(writer.moved(index, 1).tee(index), end).integers('notEqual');
      });
    };
    if ('local' in first) writer.get(first.local).integer(extent).integers('less').when(write);
    else if (first.known < extent) write();
  }

  /** Which iterations a part of a loop needs for some lanes: from `first` to `end`, exclusively. */
  #bounds(extent: number, part: LoopInstruction['part'], lane: Count, lanes: number): { first: Count; end: Count } {
    const all = { first: { known: 0 }, end: { known: extent } };
    if (part === undefined) return all;
    if (part === 'index>=lane') return { ...all, first: lane };
    if ('known' in lane) return { ...all, end: { known: Math.min(extent, lane.known + lanes) } };
    const behind = this.#writer.moved(lane.local, lanes).keep('i32');
    return { ...all, end: { local: this.#writer.atMost(behind, extent).keep('i32') } };
  }

  /** All at once: what one accumulator gets may be what another one was. */
  #next(accumulators: LoopInstruction['accumulators'], vectors: number): void {
    const moves = accumulators.flatMap(({ variable, next }) =>
      Array.from({ length: vectors }, (_, vector) => ({
        from: this.#of(next, vector),
        to: this.#of(variable, vector),
      })),
    );
    for (const { from } of moves) this.#writer.get(from);
    for (const { to } of moves.toReversed()) this.#writer.set(to);
  }

  #of(variable: Variable, vector: number): Local {
    const locals = this.#locals.get(variable)!;
    return locals.length === 1 ? locals[0]! : locals[vector]!;
  }
}

function push(writer: FunctionWriter, count: Count): FunctionWriter {
  return 'known' in count ? writer.integer(count.known) : writer.get(count.local);
}

/** How many vectors are computed side by side. */
function sideBySide(body: readonly Instruction[]): number {
  const accumulators = body.map((instruction) => (instruction.op === 'loop' ? instruction.accumulators.length : 0));
  if (!body.some(({ op }) => op === 'loop')) return 2;
  return Math.max(...accumulators) > 2 ? 2 : 4;
}

function usesLanes(body: readonly Instruction[]): boolean {
  return body.some(
    (instruction) => instruction.op === 'lane' || (instruction.op === 'loop' && usesLanes(instruction.body)),
  );
}

/** Variables that are the same in all lanes. */
function uniformVariables(body: readonly Instruction[], uniform = new Set<Variable>()): Set<Variable> {
  for (const instruction of body) {
    if (instruction.op === 'loop') uniformVariables(instruction.body, uniform);
    else if (instruction.op === 'load' || instruction.op === 'loadInteger') {
      if (instruction.from.lane === 0) uniform.add(instruction.to);
    } else if (instruction.op !== 'store' && instruction.op !== 'storeInteger' && instruction.op !== 'lane') {
      const operands = [
        'a' in instruction ? instruction.a : undefined,
        'b' in instruction ? instruction.b : undefined,
        'mask' in instruction ? instruction.mask : undefined,
      ];
      if (operands.every((operand) => operand === undefined || uniform.has(operand))) uniform.add(instruction.to);
    }
  }
  return uniform;
}
