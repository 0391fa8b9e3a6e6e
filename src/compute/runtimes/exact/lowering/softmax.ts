/** Kernels of softmaxes: they run down columns, so that no operation goes across lanes. */
import type { OperationNode } from '../../../graph/operation.ts';
import { expOfNonPositive, log } from '../functions.ts';
import type { Phase } from '../language.ts';
import { MapCall } from './kernel-builder.ts';
import type { Values } from './values.ts';
import { rowMajor } from './view.ts';

/**
 * exp(x - m) / sum of them over the visible positions, and +0 at the hidden ones, of which x may be above m: what the
 * function makes of them is not selected.
 */
export function emitCausalSoftmax(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const [query, key] = [output.shape.length - 2, output.shape.length - 1];
  const source = values.withNeighbours(inputs[0]!, phase, query);
  const target = values.allocate(output);
  const call = new MapCall(output.shape, outerAxes(output.shape, query, key), query);
  const { body } = call;
  const length = output.shape[key]!;
  const [zero, lowest] = [body.constant(0), body.constant(-Infinity)];
  const position = body.lane();
  const [largest] = body.loop(
    length,
    [lowest],
    (inside, loop, [before]) => {
      call.runsOver(key, loop);
      const visible = inside.lessOrEqual(inside.index(loop), position);
      return [inside.max(before!, inside.select(visible, inside.load(call.access(source)), lowest))];
    },
    'index<=lane',
  );
  const [sum] = body.loop(
    length,
    [zero],
    (inside, loop, [before]) => {
      call.runsOver(key, loop);
      const visible = inside.lessOrEqual(inside.index(loop), position);
      const weight = expOfNonPositive(inside, inside.sub(inside.load(call.access(source)), largest!));
      const shown = inside.select(visible, weight, zero);
      inside.store(shown, call.access(target));
      return [inside.add(before!, shown)];
    },
    'index<=lane',
  );
  const reciprocal = body.div(body.constant(1), sum!);
  body.loop(length, [], (inside, loop) => {
    call.runsOver(key, loop);
    const visible = inside.lessOrEqual(inside.index(loop), position);
    const share = inside.mul(inside.load(call.access(target)), reciprocal);
    inside.store(inside.select(visible, share, zero), call.access(target));
    return [];
  });
  values.emitter.call(phase, call.kernel(), call.slots.places);
  values.addToSum(phase, output);
}

/** (x - m) - log(sum of exp(x - m)) over the last axis. */
export function emitLogSoftmax(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const last = output.shape.length - 1;
  const lane = values.structure
    .orderOf(output)
    .filter((axis) => axis !== last)
    .at(-1);
  const source = lane === undefined ? values.view(inputs[0]!, phase) : values.withNeighbours(inputs[0]!, phase, lane);
  const target = values.allocate(output);
  const call = new MapCall(output.shape, outerAxes(output.shape, lane, last), lane);
  const { body } = call;
  const length = output.shape[last]!;
  const [largest] = body.loop(length, [body.constant(-Infinity)], (inside, loop, [before]) => {
    call.runsOver(last, loop);
    return [inside.max(before!, inside.load(call.access(source)))];
  });
  const [sum] = body.loop(length, [body.constant(0)], (inside, loop, [before]) => {
    call.runsOver(last, loop);
    return [inside.add(before!, expOfNonPositive(inside, inside.sub(inside.load(call.access(source)), largest!)))];
  });
  const logarithm = log(body, sum!);
  body.loop(length, [], (inside, loop) => {
    call.runsOver(last, loop);
    const shifted = inside.sub(inside.load(call.access(source)), largest!);
    inside.store(inside.sub(shifted, logarithm), call.access(target));
    return [];
  });
  values.emitter.call(phase, call.kernel(), call.slots.places);
  values.addToSum(phase, output);
}

function outerAxes(shape: readonly number[], ...inner: (number | undefined)[]): number[] {
  return rowMajor(shape).filter((axis) => !inner.includes(axis));
}
