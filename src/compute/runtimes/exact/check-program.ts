/**
 * Checks a program before code is made of it: code that reads or writes beside a buffer would end the process without a
 * message. What is wrong here is a defect of whatever has made the program.
 */
import { reachOf } from './check-kernel.ts';
import { PHASES, type Call, type Phase, type Program, type ProgramBuffer, type Row } from './language.ts';
import type { Reach, Step } from './reach.ts';

/** @throws Error that names the kernel and the call */
export function checkProgram(program: Program): void {
  for (const buffer of program.buffers) checkBuffer(buffer);
  const reaches = program.kernels.map((kernel, index) => {
    try {
      return reachOf(kernel);
    } catch (error) {
      throw new Error(`Kernel ${index} (${kernel.kind}): ${(error as Error).message}.`);
    }
  });
  for (const phase of PHASES)
    program.phases[phase].forEach((call, index) => {
      try {
        checkCall(program, call, reaches[call.kernel], phase);
      } catch (error) {
        const kind = program.kernels[call.kernel]?.kind ?? 'none';
        const where = `Call ${index} of '${phase}', kernel ${call.kernel} (${kind})`;
        throw new Error(`${where}: ${(error as Error).message}.`);
      }
    });
}

function checkBuffer({ name, dtype, elements, kind, table, below }: ProgramBuffer): void {
  const fail = (what: string) => {
    throw new Error(`Buffer ${name}: ${what}.`);
  };
  if (!Number.isSafeInteger(elements) || elements < 1) fail(`it has ${elements} elements`);
  if ((kind === 'constant') !== (table !== undefined)) fail(`it is ${kind} and has ${table ? 'a' : 'no'} table`);
  if (table !== undefined && (table.dtype !== dtype || table.length !== elements))
    fail(`its table has ${table.length} ${table.dtype}, instead of ${elements} ${dtype}`);
  if (below === undefined) return;
  if (dtype !== 'int32') fail(`rows of ${dtype}`);
  if (table?.numbers().some((row) => row < 0 || row >= below)) fail(`a row that is not below ${below}`);
}

/** What an access of a call touches: elements of a buffer. */
interface Touch {
  reach: Reach;
  place: { buffer: number; offset: number };
  first: number;
  last: number;
}

function checkCall(program: Program, call: Call, reaches: readonly Reach[] | undefined, phase: Phase): void {
  if (reaches === undefined) throw new Error('there is no such kernel');
  const touches = reaches.map((reach) => touch(program, call, reach, phase));
  for (const written of touches)
    if (written.reach.writes)
      for (const other of touches) {
        const meet = written.place.buffer === other.place.buffer;
        if (meet && written.last >= other.first && other.last >= written.first)
          checkOverlap(program, call, written, other);
      }
}

function touch(program: Program, call: Call, reach: Reach, phase: Phase): Touch {
  const place = call.places[reach.slot];
  const buffer = program.buffers[place?.buffer ?? -1];
  if (place === undefined || buffer === undefined) throw new Error(`slot ${reach.slot} has no place`);
  const { name, kind, dtype, elements } = buffer;
  if (!Number.isSafeInteger(place.offset) || place.offset < 0) throw new Error(`an offset of ${place.offset}`);
  if (reach.writes && (kind === 'input' || kind === 'constant')) throw new Error(`it writes ${kind} ${name}`);
  if (reach.dtype !== undefined && dtype !== reach.dtype)
    throw new Error(`slot ${reach.slot} is ${reach.dtype}, ${name} is ${dtype}`);
  if (buffer.advances && phase !== 'each') throw new Error(`${name} advances, and only 'each' can see a part of it`);
  const moves = [...reach.ordered, ...reach.free];
  const rows =
    reach.row === undefined ? [] : [{ extent: rowsBelow(program, call, reach.row), stride: reach.row.length }];
  const reached = [...moves, ...rows].map(({ extent, stride }) => (extent - 1) * stride);
  const first = reached.reduce((sum, move) => sum + Math.min(0, move), place.offset);
  const last = reached.reduce((sum, move) => sum + Math.max(0, move), place.offset + reach.width - 1);
  if (first < 0 || last >= elements)
    throw new Error(`slot ${reach.slot} reaches elements ${first} to ${last} of ${name}, which has ${elements}`);
  return { reach, place, first, last };
}

function rowsBelow(program: Program, call: Call, { slot, length }: Row): number {
  const { name, below } = program.buffers[call.places[slot]?.buffer ?? -1] ?? {};
  if (below === undefined) throw new Error(`nothing says which rows ${name ?? `slot ${slot}`} leads to`);
  if (!Number.isSafeInteger(length) || length < 0) throw new Error(`rows of length ${length}`);
  return below;
}

/**
 * Lanes, and elements of a product, are computed in any order and several at once, so none may write what another one
 * reads. Iterations around the lanes may: they run in order.
 */
function checkOverlap(program: Program, call: Call, written: Touch, other: Touch): void {
  const kernel = program.kernels[call.kernel]!;
  if (written === other && kernel.kind !== 'map') return; // its elements are apart, whatever it is called with
  const [one, two] = [written.reach, other.reach];
  const distance = other.place.offset - written.place.offset;
  const same = distance === 0 && one.width === two.width && sameSteps(one.free, two.free);
  if (kernel.kind === 'product' && one !== two && same && two.slot === kernel.initial?.slot) return;

  // In one iteration the other lies at `distance` and some sum of these moves from what is written.
  const moves = new Moves();
  for (const { extent, stride } of one.free) moves.add(-stride, extent);
  for (const { extent, stride } of two.free) moves.add(stride, extent);
  one.ordered.forEach(({ extent, stride }, loop) => moves.add((two.ordered[loop]?.stride ?? 0) - stride, extent));
  if (!sameRow(call, one, two)) {
    if (one.row !== undefined) moves.add(-one.row.length, rowsBelow(program, call, one.row));
    if (two.row !== undefined) moves.add(two.row.length, rowsBelow(program, call, two.row));
  }
  const sameLane = (at: number) => kernel.kind === 'map' && at === 0 && one.width === two.width;
  if (moves.reach(distance, 1 - two.width, one.width - 1, (at) => !sameLane(at)))
    throw new Error(`it writes slot ${one.slot} where it reads or writes slot ${two.slot} for something else`);
}

/** Distances that several loops make together. */
class Moves {
  /** By stride: the least and the greatest number of times. */
  readonly #times = new Map<number, { least: number; most: number }>();

  add(stride: number, extent: number): void {
    if (stride === 0 || extent === 1) return;
    const times = this.#times.get(Math.abs(stride)) ?? { least: 0, most: 0 };
    if (stride < 0) times.least -= extent - 1;
    else times.most += extent - 1;
    this.#times.set(Math.abs(stride), times);
  }

  /** Whether they lead from a place to one within bounds for which something holds. */
  reach(from: number, least: number, most: number, holds: (at: number) => boolean): boolean {
    const all = [...this.#times].toSorted(([a], [b]) => b - a);
    const search = (at: number, next: number): boolean => {
      // What the rest can add at most.
      let [down, up] = [0, 0];
      for (const [stride, times] of all.slice(next))
        [down, up] = [down + stride * times.least, up + stride * times.most];
      if (at + up < least || at + down > most) return false;
      if (next === all.length) return holds(at);
      const [stride, times] = all[next]!;
      for (let count = times.least; count <= times.most; count++)
        if (search(at + count * stride, next + 1)) return true;
      return false;
    };
    return search(from, 0);
  }
}

function sameSteps(one: readonly Step[], two: readonly Step[]): boolean {
  return one.length === two.length && one.every(({ stride }, index) => stride === two[index]!.stride);
}

/** Whether both are moved by one and the same number in all of an iteration around the lanes. */
function sameRow(call: Call, { row: one, ordered }: Reach, { row: two }: Reach): boolean {
  if (one === undefined || two === undefined) return one === two;
  const [first, second] = [call.places[one.slot]!, call.places[two.slot]!];
  const along = (row: Row) => row.strides.slice(0, ordered.length).join(' ');
  const still = (row: Row) => row.strides.slice(ordered.length).every((stride) => stride === 0);
  const place = first.buffer === second.buffer && first.offset === second.offset && along(one) === along(two);
  return place && one.length === two.length && still(one) && still(two);
}
