/** Tensors that stay the same from run to run: made at their first use, kept until the session is released. */
import type { Value } from '../../graph/operation.ts';
import type { Table } from '../../graph/table.ts';
import type { Tensor, TensorFlowApi } from './tensorflow-backend.ts';

/** Masked scores: exp of it is exactly 0 after the row's maximum is subtracted. */
const MASKED = -1e9;

export class SessionConstants {
  readonly #tf: TensorFlowApi;
  readonly #tensors = new Map<string, Tensor>();

  constructor(tf: TensorFlowApi) {
    this.#tf = tf;
  }

  /** A constant of the graph. */
  ofGraph({ id, shape, dtype }: Value, table: Table): Tensor {
    return this.#once(`constant ${id}`, () => this.#tf.tensor(table.numbers(), [...shape], dtype));
  }

  scalar(value: number): Tensor {
    return this.#once(`scalar ${value}`, () => this.#tf.scalar(value, 'float32'));
  }

  /** int32 0 ... count - 1. */
  range(count: number): Tensor {
    return this.#once(`range ${count}`, () => this.#tf.range(0, count, 1, 'int32'));
  }

  /** [length, length]: 0 where position i sees position j <= i, else so low that a softmax gives exactly 0. */
  causalMask(length: number): Tensor {
    return this.#once(`causal mask ${length}`, () => {
      const mask = new Float32Array(length * length);
      for (let row = 0; row < length; row++) mask.fill(MASKED, row * length + row + 1, (row + 1) * length);
      return this.#tf.tensor(mask, [length, length]);
    });
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  #once(identity: string, make: () => Tensor): Tensor {
    const tensor = this.#tensors.get(identity) ?? this.#tf.keep(make());
    this.#tensors.set(identity, tensor);
    return tensor;
  }
}
