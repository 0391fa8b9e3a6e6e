/**
 * Writes a training step program as ONNX files: as a Loop over training steps, where the device has loops, or as one
 * training step whose outputs are the inputs of the next. Both compute the same.
 */
import { elementCount } from '../../../base/element-count.ts';
import { STATE_KINDS, type TrainingStepProgram } from '../training-step-program.ts';
import type { Dialect } from './dialect.ts';
import { lowerInto } from './lowering.ts';
import { integers, scalar } from './model-parts.ts';
import { OnnxModel, type TablesWritten } from './onnx-model.ts';

/** Inputs and outputs of the files: `weight:NAME` of a parameter, `weight:I` of a pack. */
export const parameterValue = (kind: string, name: string): string => `${kind}:${name}`;
export const packValue = (kind: string, pack: number): string => `${kind}:${pack}`;

/** Lengths known only when the model runs: how many training steps are given, and how many of them are taken. */
const FED = 'fed';
const TAKEN = 'taken';
/** The input that says how many training steps are taken. */
const COUNT = 'count';

type Names = ReadonlyMap<string, string>;

/**
 * K training steps in one call.
 * Inputs: `count` int64 [], `settings` [K, n], every batch input int32 [K, tokens], state and mask of every parameter.
 * Outputs: the state of every parameter under names that begin with `next:`, `loss` and
 * `gradientNorm` [count, 1].
 */
export function lowerTrainingLoop(program: TrainingStepProgram, dialect: Dialect, tables?: TablesWritten): Uint8Array {
  const model = new OnnxModel();
  model.input(COUNT, [], 'int64');
  model.input('settings', [FED, settingsLength(program)], 'float32');
  for (const name of program.batchInputs) model.input(name, [FED, batchLength(program, name)], 'int32');
  const packed = packParameters(model, program, dialect, [...STATE_KINDS, 'mask']);

  const carried = STATE_KINDS.flatMap((kind) =>
    program.packs.map((length, pack) => ({ name: packValue(kind, pack), length })),
  );
  const results = loop(model, {
    count: COUNT,
    carried: carried.map(({ name, length }) => ({ initial: packed.get(name)!, length })),
    scanned: 2,
    body: (iteration, values) => {
      const state = new Map(packed);
      carried.forEach(({ name }, index) => state.set(name, values[index]!));
      const row = (name: string) => model.node('Gather', [name, iteration], { axis: { int: 0 } });
      const step = lowerStep(model, program, dialect, {
        state,
        settings: row('settings'),
        batches: new Map(program.batchInputs.map((name) => [name, row(name)])),
        gradients: loopedGradients,
      });
      return [...carried.map(({ name }) => step.get(name)!), step.get('loss')!, step.get('gradientNorm')!];
    },
  });

  const final = new Map(carried.map(({ name }, index) => [name, results[index]!]));
  unpackParameters(model, program, dialect, final);
  ['loss', 'gradientNorm'].forEach((name, index) => {
    model.node('Identity', [results[carried.length + index]!], {}, { output: name });
    model.output(name, [TAKEN, 1], 'float32');
  });
  return model.serialize(tables);
}

/**
 * One training step. Inputs: `settings` [n], every batch input int32 [tokens], state and mask of every pack. Outputs:
 * the state of every pack under names that begin with `next:`, `loss` and `gradientNorm` [1].
 */
export function lowerTrainingStep(program: TrainingStepProgram, dialect: Dialect, tables?: TablesWritten): Uint8Array {
  const model = new OnnxModel();
  model.input('settings', [settingsLength(program)], 'float32');
  for (const name of program.batchInputs) model.input(name, [batchLength(program, name)], 'int32');
  const state = new Map<string, string>();
  for (const kind of [...STATE_KINDS, 'mask'])
    program.packs.forEach((length, pack) => {
      const name = packValue(kind, pack);
      model.input(name, [length], 'float32');
      state.set(name, name);
    });
  const batches = new Map(program.batchInputs.map((name) => [name, name]));
  const step = lowerStep(model, program, dialect, {
    state,
    settings: 'settings',
    batches,
    gradients: unrolledGradients,
  });
  for (const kind of STATE_KINDS)
    program.packs.forEach((length, pack) => {
      const name = packValue(kind, pack);
      model.node('Identity', [step.get(name)!], {}, { output: `next:${name}` });
      model.output(`next:${name}`, [length], 'float32');
    });
  for (const name of ['loss', 'gradientNorm']) {
    model.node('Identity', [step.get(name)!], {}, { output: name });
    model.output(name, [1], 'float32');
  }
  return model.serialize(tables);
}

/** Parameters -> packs, of one kind of state. */
export function lowerPacking(program: TrainingStepProgram, dialect: Dialect, kind: string): Uint8Array {
  const model = new OnnxModel();
  const packed = packParameters(model, program, dialect, [kind]);
  program.packs.forEach((length, pack) => {
    const name = packValue(kind, pack);
    model.node('Identity', [packed.get(name)!], {}, { output: name });
    model.output(name, [length], 'float32');
  });
  return model.serialize();
}

/** Packs under names that begin with `next:` -> parameters, of one kind of state. */
export function lowerUnpacking(program: TrainingStepProgram, dialect: Dialect, kind: string): Uint8Array {
  const model = new OnnxModel();
  const packed = new Map<string, string>();
  program.packs.forEach((length, pack) => {
    const name = packValue(kind, pack);
    model.input(`next:${name}`, [length], 'float32');
    packed.set(name, `next:${name}`);
  });
  unpackParameters(model, program, dialect, packed, [kind]);
  return model.serialize();
}

function packParameters(
  model: OnnxModel,
  program: TrainingStepProgram,
  dialect: Dialect,
  kinds: readonly string[],
): Map<string, string> {
  const packed = new Map<string, string>();
  for (const kind of kinds) {
    for (const { name, shape } of program.parameters) model.input(parameterValue(kind, name), shape, 'float32');
    const packs = lowerInto(model, program.pack, (name) => parameterValue(kind, name), dialect);
    program.packs.forEach((_, pack) => packed.set(packValue(kind, pack), packs.get(`pack:${pack}`)!));
  }
  return packed;
}

function unpackParameters(
  model: OnnxModel,
  program: TrainingStepProgram,
  dialect: Dialect,
  packed: Names,
  kinds: readonly string[] = STATE_KINDS,
): void {
  for (const kind of kinds) {
    const values = lowerInto(model, program.unpack, (name) => packed.get(name.replace('pack', kind))!, dialect);
    for (const { name, shape } of program.parameters) {
      const output = `next:${parameterValue(kind, name)}`;
      model.node('Identity', [values.get(name)!], {}, { output });
      model.output(output, shape, 'float32');
    }
  }
}

interface StepValues {
  /** `weight:I`, `first:I`, `second:I`, `mask:I`. */
  state: Names;
  settings: string;
  batches: Names;
  gradients: typeof loopedGradients;
}

/** @returns `weight:I`, `first:I`, `second:I`, `loss` and `gradientNorm` */
function lowerStep(
  model: OnnxModel,
  program: TrainingStepProgram,
  dialect: Dialect,
  { state, settings, batches, gradients }: StepValues,
): Map<string, string> {
  const parameters = lowerInto(model, program.unpack, (name) => state.get(name.replace('pack', 'weight'))!, dialect);
  const microBatch = (values: Names): string[] => {
    const outputs = lowerInto(model, program.gradients, (name) => parameters.get(name) ?? values.get(name)!, dialect);
    const packs = lowerInto(model, program.pack, (name) => outputs.get(`gradient:${name}`)!, dialect);
    return [...program.packs.map((_, pack) => packs.get(`pack:${pack}`)!), outputs.get('loss')!];
  };
  const sums = program.microBatches === 1 ? microBatch(batches) : gradients(model, program, batches, microBatch);
  const input = (name: string): string => {
    if (name === 'settings') return settings;
    return name.startsWith('gradient:') ? sums[Number(name.slice('gradient:'.length))]! : state.get(name)!;
  };
  const updated = lowerInto(model, program.update, input, dialect);
  return updated.set('loss', sums[program.packs.length]!);
}

/** Means over the micro-batches of what `microBatch` returns, by a loop in the graph. */
function loopedGradients(
  model: OnnxModel,
  program: TrainingStepProgram,
  batches: Names,
  microBatch: (values: Names) => string[],
): readonly string[] {
  const microBatchOf = splitBatches(model, program, batches);
  return loop(model, {
    count: model.constant(BigInt64Array.of(BigInt(program.microBatches)), []),
    carried: [...program.packs, 1].map((length) => ({
      initial: model.node('ConstantOfShape', [integers(model, [length])]),
      length,
    })),
    scanned: 0,
    body: (iteration, sums) => addShares(model, sums, microBatch(microBatchOf(iteration)), program.microBatches),
  });
}

/** The same, written out once per micro-batch: for devices without loops. */
function unrolledGradients(
  model: OnnxModel,
  program: TrainingStepProgram,
  batches: Names,
  microBatch: (values: Names) => string[],
): readonly string[] {
  const microBatchOf = splitBatches(model, program, batches);
  let sums: readonly string[] | undefined;
  for (let micro = 0; micro < program.microBatches; micro++) {
    const index = model.constant(BigInt64Array.of(BigInt(micro)), []);
    sums = addShares(model, sums, microBatch(microBatchOf(index)), program.microBatches);
  }
  return sums!;
}

/** @returns the batch inputs of a micro-batch by its index, an int64 [] */
function splitBatches(
  model: OnnxModel,
  { microBatches }: TrainingStepProgram,
  batches: Names,
): (index: string) => Names {
  const rows = [...batches].map(
    ([name, value]) => [name, model.node('Reshape', [value, integers(model, [microBatches, -1])])] as const,
  );
  return (index) =>
    new Map(rows.map(([name, value]) => [name, model.node('Gather', [value, index], { axis: { int: 0 } })]));
}

/** sums + values / count, as the kernel's `accumulate` does it; the first share is stored as it is. */
function addShares(
  model: OnnxModel,
  sums: readonly string[] | undefined,
  values: readonly string[],
  count: number,
): string[] {
  return values.map((value, index) => {
    const share = model.node('Mul', [value, scalar(model, Math.fround(1 / count))]);
    return sums === undefined ? share : model.node('Add', [sums[index]!, share]);
  });
}

interface LoopParts {
  /** int64 [] */
  count: string;
  /** float32 vectors that each iteration gets from the one before. */
  carried: readonly { initial: string; length: number }[];
  /** How many float32 [1] each iteration leaves behind. */
  scanned: number;
  /** @returns the new carried values, then the scanned ones */
  body(iteration: string, carried: readonly string[]): string[];
}

/** @returns the carried values after the last iteration, then [count, 1] of each value left behind */
function loop(model: OnnxModel, { count, carried, scanned, body }: LoopParts): readonly string[] {
  const graph = model.body(() => {
    const iteration = model.name('iteration');
    const condition = model.name('condition');
    const values = carried.map(() => model.name('carried'));
    model.input(iteration, [], 'int64');
    model.input(condition, [], 'bool');
    values.forEach((name, index) => model.input(name, [carried[index]!.length], 'float32'));
    const next = body(iteration, values);
    const goOn = model.node('Identity', [condition]);
    model.output(goOn, [], 'bool');
    next.forEach((name, index) => {
      const output = model.node('Identity', [name]);
      model.output(output, [carried[index]?.length ?? 1], 'float32');
    });
  });
  const outputs = Array.from({ length: carried.length + scanned }, () => model.name('Loop'));
  // Without a condition the loop ends by its count alone.
  return model.nodeWithOutputs('Loop', [count, '', ...carried.map(({ initial }) => initial)], { body: graph }, outputs);
}

function settingsLength({ update }: TrainingStepProgram): number {
  return update.inputs.get('settings')!.shape[0]!;
}

/** How many integers a batch input has in one training step. */
function batchLength({ gradients, microBatches }: TrainingStepProgram, name: string): number {
  return microBatches * elementCount(gradients.inputs.get(name)!.shape);
}
