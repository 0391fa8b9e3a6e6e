/**
 * How fast the exact engine's matrix products are on this machine, by shape and set of instructions, and what share
 * that is of a loop that only multiplies and adds registers.
 */
import type { Place, ProductKernel, Program } from '../src/compute/runtimes/exact/language.ts';
import { ExecutableMemory } from '../src/compute/runtimes/exact/x86/executable-memory.ts';
import { type InstructionSet, instructionSets } from '../src/compute/runtimes/exact/x86/processor.ts';
import { x86Generator } from '../src/compute/runtimes/exact/x86/x86-generator.ts';
import { loopOf, separate } from './instruction-peak.ts';

interface Shape {
  name: string;
  rows: number;
  inner: number;
  lanes: number;
  /** Of a: rows are neighbours in memory. */
  isTransposed?: boolean;
  /** Adds to what is in c. */
  adds?: boolean;
  part?: ProductKernel['part'];
}

const shape = (
  rows: number,
  inner: number,
  lanes: number,
  rest: Omit<Shape, 'name' | 'rows' | 'inner' | 'lanes'> = {},
) => ({
  name: `${rows} x ${inner} x ${lanes}${rest.isTransposed ? ' aT' : ''}${rest.adds ? ' +=' : ''} ${rest.part ?? ''}`,
  ...{ rows, inner, lanes },
  ...rest,
});

const SHAPES: readonly Shape[] = [
  shape(48, 48, 64),
  shape(96, 48, 64),
  shape(48, 96, 64),
  shape(64, 48, 64),
  shape(48, 48, 64, { isTransposed: true }),
  shape(48, 64, 48, { adds: true }),
  shape(96, 64, 48, { adds: true }),
  shape(64, 24, 64, { part: 'row<=lane' }),
  shape(24, 64, 64, { part: 'inner<=lane' }),
  shape(24, 64, 64, { part: 'inner>=lane' }),
  shape(128, 128, 128),
  shape(512, 128, 128),
  shape(128, 512, 128),
  shape(128, 512, 128, { isTransposed: true }),
  shape(1024, 1024, 128),
  shape(1024, 1024, 128, { isTransposed: true }),
  shape(1024, 1024, 1024),
  shape(1536, 384, 256),
  shape(384, 1536, 256),
  shape(384, 1536, 256, { isTransposed: true }),
  shape(3072, 768, 128),
  shape(768, 3072, 128),
  shape(768, 3072, 128, { isTransposed: true }),
  shape(768, 128, 3072, { adds: true }),
  shape(50257, 768, 128),
  shape(768, 50257, 128, { isTransposed: true }),
  shape(50257, 128, 768, { adds: true }),
];

/** Seconds that a measurement takes at least. */
const ENOUGH = 0.02;
const MEASUREMENTS = 9;

const only = process.argv[2];
for (const one of SHAPES) {
  if (only !== undefined && !one.name.includes(only)) continue;
  const results = instructionSets().map((set) => {
    const [product, peak] = [productOf(set, one), peakOf(set)];
    const speeds = measured([product, peak]);
    product.release();
    peak.release();
    const share = (100 * speeds[0]!) / speeds[1]!;
    return `${set} ${speeds[0]!.toFixed(0).padStart(4)} of ${speeds[1]!.toFixed(0).padStart(4)}, ${share.toFixed(0)} %`;
  });
  console.log(one.name.padEnd(28), results.join('   '));
}

interface Work {
  flops: number;
  run: (times: number) => void;
  release: () => void;
}

/** Counts the multiplications and additions that the shape's part leaves. */
function productOf(set: InstructionSet, { rows, inner, lanes, isTransposed, adds, part }: Shape): Work {
  const kernel: ProductKernel = {
    ...{ kind: 'product', batch: [], rows, inner, lanes, scale: 1 },
    a: { slot: 0, batch: [], ...(isTransposed ? { row: 1, inner: rows } : { row: inner, inner: 1 }) },
    b: { slot: 1, batch: [], inner: lanes },
    c: { slot: 2, batch: [], row: lanes },
    ...(adds && { initial: { slot: 2, batch: [], row: lanes, lane: 1 } }),
    ...(part !== undefined && { part }),
  };
  const flops = 2 * rows * inner * lanes;
  const calls = Math.max(1, Math.ceil(2e6 / flops));
  const places: Place[] = [0, 1, 2].map((buffer) => ({ buffer, offset: 0 }));
  const program: Program = {
    buffers: [rows * inner, inner * lanes, rows * lanes].map((elements, index) => ({
      ...{ name: 'abc'[index]!, dtype: 'float32', kind: 'scratch', elements },
    })),
    kernels: [kernel],
    phases: { before: [], each: Array.from({ length: calls }, () => ({ kernel: 0, places })), after: [] },
  };
  const compiled = x86Generator(set).compile(program);
  return {
    flops: flops * partLeft(part, rows, inner, lanes) * calls,
    run: (times) => compiled.run(times),
    release: () => compiled.release(),
  };
}

function partLeft(part: ProductKernel['part'], rows: number, inner: number, lanes: number): number {
  if (part === undefined) return 1;
  const steps = part === 'row<=lane' ? rows : inner;
  let left = 0;
  for (let step = 0; step < steps; step++)
    for (let lane = 0; lane < lanes; lane++) left += Number(part === 'inner>=lane' ? step >= lane : step <= lane);
  return left / (steps * lanes);
}

/** Registers only, and no result that another waits for. */
function peakOf(set: InstructionSet): Work {
  const { code, operations } = loopOf(set === 'AVX2' ? 8 : 16, separate);
  const memory = new ExecutableMemory(code);
  const call = memory.entry(0, 'void ()');
  return {
    flops: operations,
    run: (times) => {
      for (let time = 0; time < times; time++) call();
    },
    release: () => memory.release(),
  };
}

/** GFLOP/s of the processor's time, the median of alternating measurements. */
function measured(works: readonly Work[]): number[] {
  const secondsOf = (work: Work, times: number) => {
    const before = process.cpuUsage();
    work.run(times);
    const { user, system } = process.cpuUsage(before);
    return Math.max(1, user + system) / 1e6;
  };
  const times = works.map((work) => {
    let times = 1;
    while (secondsOf(work, times) < ENOUGH / 4) times *= 2;
    return times * 4;
  });
  const speeds = works.map((): number[] => []);
  for (let measurement = 0; measurement < MEASUREMENTS; measurement++)
    works.forEach((work, index) =>
      speeds[index]!.push((work.flops * times[index]!) / secondsOf(work, times[index]!) / 1e9),
    );
  return speeds.map((speed) => speed.sort((a, b) => a - b)[Math.floor(MEASUREMENTS / 2)]!);
}
