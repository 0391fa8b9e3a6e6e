/** Checks a kernel, and says what it reads and writes. */
import { bodyReach } from './check-body.ts';
import type { Kernel, ProductKernel, TransposeKernel } from './language.ts';
import { checkCounts, type Reach, type Step } from './reach.ts';

/** @throws Error if the kernel is wrong whatever it is called with */
export function reachOf(kernel: Kernel): Reach[] {
  if (kernel.kind === 'map') return bodyReach(kernel);
  return kernel.kind === 'product' ? productReach(kernel) : transposeReach(kernel);
}

function productReach({ batch, rows, inner, lanes, a, b, c, initial }: ProductKernel): Reach[] {
  checkCounts('extent', [...batch, rows, inner, lanes]);
  const around = (strides: readonly number[]) => steps(batch, strides);
  const row = (stride: number) => steps([rows], [stride]);
  const dtype = 'float32';
  const written = [...around(c.batch), ...row(c.row)];
  checkApart([...written, { extent: lanes, stride: 1 }]);
  const first = [...around(a.batch), ...row(a.row), ...steps([inner], [a.inner])];
  const second = [...around(b.batch), ...steps([inner], [b.inner])];
  return [
    { slot: a.slot, dtype, writes: false, ordered: [], free: first, width: 1 },
    { slot: b.slot, dtype, writes: false, ordered: [], free: second, width: lanes },
    ...(initial === undefined
      ? []
      : [
          {
            ...({ slot: initial.slot, dtype, writes: false, ordered: [] } as const),
            free: [...around(initial.batch), ...row(initial.row)],
            width: initial.lane === 1 ? lanes : 1,
          },
        ]),
    { slot: c.slot, dtype, writes: true, ordered: [], free: written, width: lanes },
  ];
}

function transposeReach({ batch, rows, columns, source, target }: TransposeKernel): Reach[] {
  checkCounts('extent', [...batch, rows, columns]);
  const from = steps([...batch, rows], [...source.batch, source.row]);
  const to = steps([...batch, columns], [...target.batch, target.column]);
  checkApart([...to, { extent: rows, stride: 1 }]);
  return [
    { slot: source.slot, writes: false, ordered: [], free: from, width: columns },
    { slot: target.slot, writes: true, ordered: [], free: to, width: rows },
  ];
}

function steps(extents: readonly number[], strides: readonly number[]): Step[] {
  if (extents.length !== strides.length)
    throw new Error(`${strides.length} strides for ${extents.length} loops around it`);
  const back = strides.find((stride) => !Number.isSafeInteger(stride) || stride < 0);
  if (back !== undefined) throw new Error(`a stride of ${back}`);
  return extents.map((extent, loop) => ({ extent, stride: strides[loop]! }));
}

/** @throws Error unless every combination of indices leads to another element */
function checkApart(all: readonly Step[]): void {
  let reached = 0;
  const moved = all.filter(({ extent }) => extent > 1);
  for (const { extent, stride } of moved.toSorted((a, b) => Math.abs(a.stride) - Math.abs(b.stride))) {
    if (Math.abs(stride) <= reached) throw new Error(`it writes elements twice: a stride of ${stride} is too short`);
    reached += (extent - 1) * Math.abs(stride);
  }
}
