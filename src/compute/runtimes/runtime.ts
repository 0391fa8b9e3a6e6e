/**
 * What a runtime offers: it turns a graph into a session, and a session computes the graph's outputs from the memory
 * that its inputs are bound to. Every runtime passes the same suite (tests/compute/runtime-contract.ts).
 */
import type { Graph } from '../graph/graph.ts';

export type Engine = 'onnx' | 'tensorflow' | 'exact';
export type Device = 'cpu' | 'cuda' | 'webgpu';
export type Precision = 'float32' | 'tf32' | 'bf16';

/** Where and how a graph runs: declared by a stage's parameters, never chosen by looking at the machine. */
export interface ExecutionTarget {
  engine: Engine;
  device: Device;
  /** Arithmetic of the matrix products; weights and moments are float32 always. */
  precision: Precision;
}

export const CPU_TARGET: ExecutionTarget = { engine: 'onnx', device: 'cpu', precision: 'float32' };

/** The target that a stage's parameters declare, without whatever else they say: two that are equal are one. */
export function targetOf({ engine, device, precision }: ExecutionTarget): ExecutionTarget {
  return { engine, device, precision };
}

export type TensorData = Float32Array | Int32Array;

export interface GraphSession {
  /** Binds an input to memory that every later run reads as it then is. @throws Error if there is no such input */
  feed(name: string, data: TensorData): void;
  /** Binds an output to memory into which every later run writes. @throws Error if there is no such output */
  fetch(name: string, data: TensorData): void;
  /** Runs the graph. @returns every output; the bound ones are the memory they are bound to or a copy of it */
  run(): Promise<Record<string, TensorData>>;
  release(): Promise<void>;
}

/** How often a run computes a graph, each time with the next part of some inputs, while its outputs are summed up. */
export interface Repetition {
  /** Names of these inputs: what is bound to one has its elements as often as it is repeated. */
  advancing: readonly string[];
  times: number;
}

export interface Runtime {
  /**
   * @param repetition of an engine that can: `exact`
   * @throws UnavailableTarget if this machine cannot execute graphs that way
   */
  open(graph: Graph, target: ExecutionTarget, repetition?: Repetition): Promise<GraphSession>;
}

/** The machine lacks what a target needs. The message says what is missing, the remedy what to do about it. */
export class UnavailableTarget extends Error {
  override name = 'UnavailableTarget';
  readonly target: ExecutionTarget;
  readonly remedy: string;

  constructor(target: ExecutionTarget, message: string, remedy: string) {
    super(message);
    this.target = target;
    this.remedy = remedy;
  }
}
