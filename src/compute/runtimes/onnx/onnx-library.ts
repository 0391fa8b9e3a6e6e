/**
 * ONNX Runtime's C interface, as much of it as a session on the CPU needs, called through FFI. The interface is a table
 * of function pointers whose order is part of its contract: versions only ever append (onnxruntime_c_api.h, struct
 * OrtApi).
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Koffi from 'koffi';
import { flushingSubnormals } from '../subnormals.ts';
import { onnxBinaries } from './onnx-package.ts';

/** Version of the table that is asked for: that of 1.20, and every later library has it. */
const API_VERSION = 20;
const LOG_ERRORS = 3;
const ARENA_ALLOCATOR = 1;
const DEFAULT_MEMORY = 0;
const ALL_OPTIMIZATIONS = 99;

type Pointer = bigint;
/** A function that reports failure: void unless it throws. */
type Call = (...args: unknown[]) => void;
/** A function whose last parameter is where it puts what it makes. */
type Create = (...args: unknown[]) => Pointer;

export interface OnnxLibrary {
  /** Must be referenced as long as the library is used: when it is collected, koffi unloads the library. */
  readonly file: Koffi.LibraryHandle;
  /**
   * @param options session.* entries
   * @param threads that share the work of one operator, the caller's included. Their number may change the last bits: a
   *   matrix product sums its terms in blocks whose length depends on how many columns a thread has.
   * @throws Error with the library's message
   */
  createSession(model: Uint8Array, options: Readonly<Record<string, string>>, threads: number): Pointer;
  /** A tensor that views memory; it must neither move nor be collected before `releaseTensor`. */
  createTensor(data: Float32Array | Int32Array, shape: readonly number[]): Pointer;
  /** Names and tensors: arrays of pointers. Subnormal numbers are zeros where the platform can (subnormals.ts). */
  run(
    session: Pointer,
    inputNames: BigUint64Array,
    inputs: BigUint64Array,
    outputNames: BigUint64Array,
    outputs: BigUint64Array,
  ): void;
  releaseSession(session: Pointer): void;
  releaseTensor(tensor: Pointer): void;
}

let library: OnnxLibrary | undefined;

/** @throws Error if the library cannot be called on this platform */
export function loadOnnxLibrary(): OnnxLibrary {
  library ??= load();
  return library;
}

/**
 * Address of memory that JavaScript owns. Small arrays are in the heap, where they may move, until `buffer` is read.
 */
export function addressOf(data: NodeJS.TypedArray): Pointer {
  void data.buffer;
  return koffi().address(data);
}

function load(): OnnxLibrary {
  process.env.ORT_DISABLE_TELEMETRY ??= '1'; // read when the library is opened; see open-model.ts
  const { array, call, decode, load: open, proto } = koffi();
  const file = open(libraryPath());
  const [getApi] = decode(file.func('void *OrtGetApiBase()')(), array('void *', 1)) as [Pointer];
  const api = call(getApi, proto('void *(uint32_t)'), API_VERSION) as Pointer;
  const table = decode(api, array('void *', 131)) as Pointer[];

  const at = (index: number, signature: string): ((...args: unknown[]) => unknown) => {
    const type = proto(signature);
    return (...args) => call(table[index], type, ...args) as unknown;
  };
  const messageOf = at(2, 'const char *(void *)');
  const releaseStatus = at(93, 'void (void *)');
  const checked = (index: number, parameters: string): Call => {
    const invoke = at(index, `void *(${parameters})`);
    return (...args) => {
      const status = invoke(...args);
      if (!status) return;
      const message = messageOf(status) as string;
      releaseStatus(status);
      throw new Error(message);
    };
  };
  const creating = (index: number, parameters: string): Create => {
    const invoke = checked(index, `${parameters}, _Out_ void **`.replace(/^, /, ''));
    return (...args) => {
      const made: [Pointer | null] = [null];
      invoke(...args, made);
      return made[0]!;
    };
  };

  const createSession = creating(8, 'void *, void *, size_t, void *');
  const run = checked(9, 'void *, void *, void *, void *, size_t, void *, size_t, void *');
  const createOptions = creating(10, '');
  const setOptimizations = checked(23, 'void *, int');
  const setThreads = checked(24, 'void *, int');
  const createTensor = creating(49, 'void *, void *, size_t, void *, size_t, int');
  const releaseSession = at(95, 'void (void *)');
  const releaseTensor = at(96, 'void (void *)');
  const releaseOptions = at(100, 'void (void *)');
  const addEntry = checked(130, 'void *, const char *, const char *');

  const environment = creating(3, 'int, const char *')(LOG_ERRORS, 'swp');
  checked(6, 'void *')(environment); // no telemetry
  const memory = creating(69, 'int, int')(ARENA_ALLOCATOR, DEFAULT_MEMORY);

  return {
    file,
    createSession(model, entries, threads) {
      const options = createOptions();
      try {
        setOptimizations(options, ALL_OPTIMIZATIONS);
        setThreads(options, threads);
        for (const [name, value] of Object.entries(entries)) addEntry(options, `session.${name}`, value);
        return flushingSubnormals(() => createSession(environment, model, model.length, options));
      } finally {
        releaseOptions(options);
      }
    },
    createTensor: (data, shape) =>
      createTensor(
        memory,
        addressOf(data),
        data.byteLength,
        BigInt64Array.from(shape, BigInt),
        shape.length,
        data instanceof Float32Array ? 1 : 6,
      ),
    run: (session, inputNames, inputs, outputNames, outputs) =>
      flushingSubnormals(() =>
        run(session, null, inputNames, inputs, inputs.length, outputNames, outputs.length, outputs),
      ),
    releaseSession: (session) => void releaseSession(session),
    releaseTensor: (tensor) => void releaseTensor(tensor),
  };
}

function koffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}

function libraryPath(): string {
  const folder = onnxBinaries();
  const file = readdirSync(folder).find((name) => /^(lib)?onnxruntime(\.\d+)*\.(so(\.\d+)*|dylib|dll)$/.test(name));
  if (file === undefined) throw new Error(`${folder} has no library of ONNX Runtime.`);
  return join(folder, file);
}
