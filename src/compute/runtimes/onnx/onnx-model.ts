/**
 * Builds an ONNX file node by node. Knows the format, not our graph (that is lowering.ts).
 * Source: onnx/onnx.proto; field numbers are that file's.
 */
import type { DType } from '../../graph/operation.ts';
import { Table } from '../../graph/table.ts';
import { ProtobufMessage } from './protobuf.ts';

const IR_VERSION = 8;
const OPSET = 17;
const CONTRIB_DOMAIN = 'com.microsoft';

/** Element types by the numbers that the format gives them. */
export const DATA_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9, bfloat16: 16 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 } as const;

export type AttributeValue =
  { int: number } | { float: number } | { string: string } | { ints: readonly number[] } | { graph: ProtobufMessage };

/** How constants that follow a rule are written: `whole`; or, in what is hashed and never run, `told` by their rule. */
export type TablesWritten = 'whole' | 'told';

type Numbers = Table | Float32Array | Int32Array | BigInt64Array;

interface Initializer {
  name: string;
  shape: readonly number[];
  numbers: Table | BigInt64Array;
}

/** A length, or the name of one that is known when the model runs. */
export type Dimension = number | string;

/** What a file that people look at carries besides the graph. */
export interface OnnxDescription {
  /** Version of the program that writes it. */
  producerVersion: string;
  text: string;
  metadata: Readonly<Record<string, string>>;
}

export class OnnxModel {
  readonly #description: OnnxDescription | undefined;
  #nodes: ProtobufMessage[] = [];
  readonly #initializers: Initializer[] = [];
  #inputs: ProtobufMessage[] = [];
  #outputs: ProtobufMessage[] = [];
  readonly #constants = new Map<string, string>();
  /** Shapes of intermediate values, by name; of described files only. */
  readonly #values = new Map<string, ProtobufMessage>();
  readonly #namesOf = new Map<string, number>();
  #names = 0;
  #scope = '';
  #text = '';

  /** @param description makes the file one to look at: with names by scope, shapes of all values and notes */
  constructor(description?: OnnxDescription) {
    this.#description = description;
  }

  /** What the nodes that follow belong to, and a note on them; without effect in a file that is only executed. */
  place(scope: string, text: string): void {
    this.#scope = scope;
    this.#text = text;
  }

  /** The shape of an intermediate value. */
  value(name: string, shape: readonly number[], dtype: DType): void {
    if (this.#description !== undefined) this.#values.set(name, valueInfo(name, shape, dtype));
  }

  input(name: string, shape: readonly Dimension[], dtype: keyof typeof DATA_TYPE): void {
    this.#inputs.push(valueInfo(name, shape, dtype));
  }

  output(name: string, shape: readonly Dimension[], dtype: keyof typeof DATA_TYPE): void {
    this.#outputs.push(valueInfo(name, shape, dtype));
  }

  /** Adds a constant tensor and returns its name; equal small constants are one. */
  constant(numbers: Numbers, shape: readonly number[]): string {
    if (numbers.length > 64) return this.#initializer(numbers, shape);
    const data = numbers instanceof Table ? numbers.numbers() : numbers;
    return this.sharedConstant(
      `${data.constructor.name} ${shape.join('x')} ${Array.from(data, String).join()}`,
      data,
      shape,
    );
  }

  /** A constant that is known by what it is, so that a large one occurs once in the file. */
  sharedConstant(identity: string, numbers: Numbers, shape: readonly number[]): string {
    const known = this.#constants.get(identity);
    if (known !== undefined) return known;
    const name = this.#initializer(numbers, shape);
    this.#constants.set(identity, name);
    return name;
  }

  #initializer(numbers: Numbers, shape: readonly number[]): string {
    const name = this.name('constant');
    const kept = numbers instanceof Table || numbers instanceof BigInt64Array ? numbers : Table.written(numbers);
    this.#initializers.push({ name, shape, numbers: kept });
    return name;
  }

  /** Adds a node with one output and returns the output's name. */
  node(
    type: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue> = {},
    { contrib = false, output = this.name(type) }: { contrib?: boolean; output?: string } = {},
  ): string {
    return this.nodeWithOutputs(type, inputs, attributes, [output], contrib)[0]!;
  }

  /** Adds a node and returns its outputs' names, which are given. */
  nodeWithOutputs(
    type: string,
    inputs: readonly string[],
    attributes: Record<string, AttributeValue>,
    outputs: readonly string[],
    contrib = false,
  ): readonly string[] {
    const node = new ProtobufMessage();
    for (const input of inputs) node.string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, outputs[0]!).string(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (this.#description !== undefined) node.string(6, this.#text);
    if (contrib) node.string(7, CONTRIB_DOMAIN);
    this.#nodes.push(node);
    return outputs;
  }

  /**
   * A graph inside the graph, as an attribute of a node: the body of a Loop. What `build` adds, inputs and outputs
   * included, is the body's; it sees the values around it. Constants are kept outside, so each is stored once.
   */
  body(build: () => void): AttributeValue {
    const around = { nodes: this.#nodes, inputs: this.#inputs, outputs: this.#outputs };
    [this.#nodes, this.#inputs, this.#outputs] = [[], [], []];
    build();
    const graph = new ProtobufMessage();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, this.name('body'));
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    [this.#nodes, this.#inputs, this.#outputs] = [around.nodes, around.inputs, around.outputs];
    return { graph };
  }

  /** A name that no other value has. */
  name(prefix: string): string {
    if (this.#description === undefined) return `${prefix}_${this.#names++}`;
    const name = this.#scope === '' ? prefix : `${this.#scope}/${prefix}`;
    const count = this.#namesOf.get(name) ?? 0;
    this.#namesOf.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }

  serialize(tables: TablesWritten = 'whole'): Uint8Array {
    const graph = new ProtobufMessage();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, 'swp');
    for (const initializer of this.#initializers) graph.message(5, tensorOf(initializer, tables));
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    for (const value of this.#values.values()) graph.message(13, value);
    const model = new ProtobufMessage().integer(1, IR_VERSION).string(2, 'swp');
    if (this.#description !== undefined) {
      const { producerVersion, text, metadata } = this.#description;
      model.string(3, producerVersion).string(6, text);
      for (const [key, value] of Object.entries(metadata))
        model.message(14, new ProtobufMessage().string(1, key).string(2, value));
    }
    return model
      .message(7, graph)
      .message(8, new ProtobufMessage().string(1, '').integer(2, OPSET))
      .message(8, new ProtobufMessage().string(1, CONTRIB_DOMAIN).integer(2, 1))
      .finish();
  }
}

function tensorOf({ name, shape, numbers }: Initializer, tables: TablesWritten): ProtobufMessage {
  const { numbers: data, rule } = writtenAs(numbers, tables);
  const tensor = new ProtobufMessage();
  for (const length of shape) tensor.integer(1, length);
  tensor.integer(2, DATA_TYPE[numbers instanceof Table ? numbers.dtype : 'int64']).string(8, name);
  tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return rule === undefined ? tensor : tensor.string(12, rule);
}

function writtenAs(numbers: Table | BigInt64Array, tables: TablesWritten) {
  if (numbers instanceof BigInt64Array) return { numbers, rule: undefined };
  return tables === 'told' ? numbers.told() : { numbers: numbers.numbers(), rule: undefined };
}

function attribute(name: string, value: AttributeValue): ProtobufMessage {
  const message = new ProtobufMessage().string(1, name);
  if ('int' in value) return message.integer(3, value.int).integer(20, ATTRIBUTE_TYPE.int);
  if ('float' in value) return message.float(2, value.float).integer(20, ATTRIBUTE_TYPE.float);
  if ('string' in value) return message.string(4, value.string).integer(20, ATTRIBUTE_TYPE.string);
  if ('graph' in value) return message.message(6, value.graph).integer(20, ATTRIBUTE_TYPE.graph);
  for (const entry of value.ints) message.integer(8, entry);
  return message.integer(20, ATTRIBUTE_TYPE.ints);
}

function valueInfo(name: string, shape: readonly Dimension[], dtype: keyof typeof DATA_TYPE): ProtobufMessage {
  const dimensions = new ProtobufMessage();
  for (const length of shape) {
    const dimension = new ProtobufMessage();
    dimensions.message(1, typeof length === 'number' ? dimension.integer(1, length) : dimension.string(2, length));
  }
  const tensor = new ProtobufMessage().integer(1, DATA_TYPE[dtype]).message(2, dimensions);
  return new ProtobufMessage().string(1, name).message(2, new ProtobufMessage().message(1, tensor));
}
