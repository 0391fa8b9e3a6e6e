/**
 * What the engine knows of a stage: names, a parameter schema, and a function to run.
 * The engine loads stages by name and imports none; it knows nothing of what they compute.
 */
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { RecordFile } from '../generated/record.ts';

/** Which run and where in it a node stands. One node has several labels when runs share it. */
export interface NodeLabel {
  experiment: string;
  seed: number;
  /** 0 before the first round; the final training has round = rounds + 1. */
  round: number;
  /** The step's name in pipeline.json, such as `detect-trained`. */
  step: string;
}

/**
 * The place in a study at which a node stands, as one string that ledgers, logs and messages share.
 * @returns e.g. `A1/s0/r2/train`
 */
export function placeOf({ experiment, seed, round, step }: NodeLabel): string {
  return `${experiment}/s${seed}/r${round}/${step}`;
}

export interface StageInput {
  summary: string;
  /** A missing optional input is left out; a step with a missing required input is left out itself. */
  optional?: boolean;
  /** The stage reads a virtual artifact from its parts (src/base/virtual-file.ts); else it is given a whole file. */
  virtual?: boolean;
  /** The input is a list of labelled artifacts of all runs; those that failed are listed as missing. */
  gather?: boolean;
  /** Of a gathered input: each step that it gathers has to say in pipeline.json what it `measures`. */
  measured?: boolean;
  /**
   * Of a gathered input: the stage whose artifacts these are. Another stage whose artifacts it is given has to say that
   * it `replaces` that one, so that what it writes is checked.
   */
  writtenBy?: string;
}

export interface StageOutput {
  summary: string;
  /** File name of the artifact, e.g. `weights.safetensors`. */
  file: string;
  /**
   * Large, and made again when something asks for it: garbage collection may evict it, and the node still counts as
   * cached. What is not evictable (metrics, masks, curves) is kept for ever.
   */
  evictable?: boolean;
  /**
   * The stage may write a virtual file (src/base/virtual-file.ts) in the artifact's place, of its inputs, its other
   * outputs and its declared files. The cache then keeps what it is made of instead of the artifact. It is evictable.
   */
  virtual?: boolean;
  /**
   * Of use only to go on from. Unless a run keeps everything, it is not kept where no planned node needs it: the stage
   * may write a virtual file without parts in its place (`StageJob.unwanted`).
   */
  resuming?: boolean;
}

/**
 * Makes a virtual artifact of its parts, to the bytes that its digest says. A part may be a virtual file itself.
 * @param settings what the form needs besides the parts
 */
export type MakeArtifact = (parts: Record<string, string>, path: string, settings: JsonObject) => Promise<void>;

/** What a node takes of the machine while it runs. */
export interface NodeResources {
  /** GPUs that it has to itself; 0 by default. */
  gpus?: 0 | 1;
}

/**
 * A node as a point on a longer computation: nodes that differ in the parameter `length` alone are stops of one
 * trajectory, and a longer one goes on where a shorter one stopped.
 */
export interface Trajectory {
  /** The parameter that says how far, such as `steps`. */
  length: string;
  /** Outputs of an earlier stop from which a later one goes on. They are what a checkpoint holds, too. */
  state: readonly string[];
  /** What happens on the way depends on where it ends (a cosine schedule): every length is a trajectory of its own. */
  dependsOnLength?: boolean;
}

/** How much a node computes, as far as its parameters tell: what estimates are made of. It is in no key. */
export interface StageWork {
  /** What is counted, in the plural, such as `steps`. */
  unit: string;
  count: number;
  /** What a unit's time depends on: nodes of one stage that are equal in this take as long per unit on one machine. */
  alike: JsonValue;
  /** Floating-point operations of all units together. */
  flops?(): Promise<number>;
  /**
   * Parameters that make a node of about so many units (at least 1): how a calibration measures a part of a long one.
   */
  sample?(units: number): JsonObject;
}

/** A file that a node reads and that no stage made. */
export interface DeclaredFile {
  /** Stands in the key, beside the content's digest: says what the file is, never where it lies. */
  name: string;
  /**
   * Absolute, or relative to the project's root. In no key: a study in another folder, or another clone, has the same
   * keys.
   */
  path: string;
  /** What to do where it cannot be read; a function where that takes looking around. */
  remedy?: string | (() => string);
  /** SHA-256 of a file that need not be there: it is in the key, and only a node that runs needs the file. */
  sha256?: string;
  /** Its bytes stand in no key, since what the stage reads there does. That it does not change is checked. */
  inKey?: false;
}

/** A parameter that the others, the model that they name, or the inputs make impossible. */
export interface ParamProblem {
  param: string;
  /** Where a parameter is the study's declaration: the input of the step in it that is wrong. */
  input?: { step: string; name: string };
  /** What is wrong, with the values; without a full stop. */
  message: string;
  expected: string;
  /** The name that was most likely meant. */
  suggestion?: string;
}

export interface GatheredArtifact {
  label: NodeLabel;
  stage: string;
  artifact: string;
  /** Undefined where the producing node failed or was not run. */
  path?: string;
  /** Recipe key of the producing node, for provenance. */
  key: string;
}

export interface Progress {
  done: number;
  total: number;
  /** What is counted, in the plural, such as `steps`; a rate without it is a number. */
  unit?: string;
  /** Numbers worth showing live, e.g. { loss: 2.43 }. */
  values?: Record<string, number>;
}

export interface StageJob<Params> {
  params: Params;
  /** Absolute path of the project's root, the study's folder: what paths in parameters are relative to. */
  root: string;
  /** Absolute path of an input artifact; throws for a missing required input. */
  input(name: string): string;
  /** The same for an optional input: undefined when absent. */
  optionalInput(name: string): string | undefined;
  /** All of a gathered input; empty for an optional one that the study does not gather. */
  gathered(name: string): GatheredArtifact[];
  /** Absolute path to which the named output must be written. Every declared output must be. */
  output(name: string): string;
  /** Outputs that will not be kept: a virtual file without parts will do, which has the digest. */
  unwanted?: readonly string[];
  /** Where to go on, instead of at the beginning: an earlier stop of this trajectory, or a checkpoint. */
  resume?: {
    /** Value of the length parameter there. */
    at: number;
    /** Absolute path of a state artifact of the trajectory, as the earlier run wrote it. */
    state(name: string): string;
  };
  /**
   * Puts a checkpoint down if one is due (by time). `write` writes every state artifact to the path it is given by
   * name. Nothing happens, and `write` is not called, while none is due or where the stage declares no trajectory.
   * @param at value of the length parameter reached
   */
  checkpoint(at: number, write: (path: (name: string) => string) => Promise<void>): Promise<void>;
  progress(progress: Progress): void;
  log(line: string): void;
  /** Aborted when the user stops the run. */
  signal: AbortSignal;
}

/** Flat numbers and strings for the record: shown by `swp show` and `swp status`. */
export type Metrics = RecordFile['metrics'];

/** Hooks are told the project's root, an absolute path: what paths in parameters are relative to. It is in no key. */
export interface StageDefinition<Params = JsonObject> {
  /**
   * It stands for a stage whose declaration cannot be read: nothing is known of its parameters, inputs and outputs. Its
   * nodes are blocked.
   */
  isUnknown?: true;
  name: string;
  summary: string;
  /** JSON Schema (draft-07) of the parameters; `default` fills in; `unit` says what they count or name. */
  params: object;
  inputs: Record<string, StageInput>;
  outputs: Record<string, StageOutput>;
  /** The stage of swp in whose place it stands: after each run, that one checks what it wrote. */
  replaces?: string;
  /** How another stage may stand in the place of this one, with the same outputs; without it, none can. */
  replaceable?: {
    /** What the other one has to take, too: the check reads it. */
    inputs: readonly string[];
    /** @throws SwpError if later stages cannot go on from what the other one wrote */
    check(job: StageJob<unknown>): Promise<void>;
  };
  /** The forms of its virtual artifacts, by name: imports the module whose default export makes one of its parts. */
  forms?: Record<string, () => Promise<{ default: MakeArtifact }>>;
  /** External files that a node reads, each under a name of its own; names and contents enter the key. */
  files?(params: Params, root: string): DeclaredFile[] | Promise<DeclaredFile[]>;
  /**
   * What is wrong with parameters that each fit the schema, or that ask for an input which is not connected; nothing
   * else is asked of them then.
   * @param connected names of the inputs that the node has
   */
  problems?(params: Params, connected: ReadonlySet<string>, root: string): ParamProblem[] | Promise<ParamProblem[]>;
  /**
   * The parameters that stand in the key by what they name, and not as the study has them: of a path, what lies there.
   * Everything else, the body too, gets them as the study has them.
   */
  inKey?(params: Params, root: string): JsonObject | Promise<JsonObject>;
  /**
   * What the stage computes, where that says more than its code (the graph's hash, the kernel's hash).
   * Added to the code fingerprint in the key.
   */
  fingerprint?(params: Params, root: string): Promise<JsonValue>;
  /**
   * Whether a model is so large that parameters which nobody sets have the defaults of large models
   * (`defaultOfLarge` in the schema). A model that cannot be read is not.
   */
  isLarge?(model: string, root: string): Promise<boolean>;
  /** Absolute paths of the files that `fingerprint` reads: when one of them changes, it is asked again. */
  watches?(params: Params, root: string): string[];
  /** What a node takes of the machine; a CPU by default. */
  resources?(params: Params): NodeResources;
  /**
   * Bytes of memory that a node is expected to take at most: so many nodes run at a time as fit the machine, and one
   * that does not fit at all is refused. It is in no key.
   */
  memory?(params: Params, root: string): Promise<number>;
  /**
   * What a study has to declare for such a node to take so many bytes at most, e.g.
   * `"train": { "microBatchSize": 1 }`; undefined if nothing that it could declare would do.
   */
  fitting?(params: Params, bytes: number, root: string): Promise<string | undefined>;
  /**
   * Bytes that a node is expected to write at most: one that the disk has no room for is refused. It is in no key.
   * @param unwanted outputs that will not be kept
   */
  disk?(params: Params, root: string, unwanted: readonly string[]): Promise<number>;
  /** Of a stage whose nodes are points on longer computations. */
  trajectory?(params: Params): Trajectory;
  /** How much there is to do; a stage that does not say counts nodes. */
  work?(params: Params, root: string): StageWork | Promise<StageWork>;
  /**
   * Runs one node in a worker process.
   * Must be deterministic: artifacts carry no time, host, path or experiment name.
   */
  run(job: StageJob<Params>): Promise<Metrics>;
}

/** What a stage does for one node; see StageDefinition.run. */
export type StageBody<Params> = StageDefinition<Params>['run'];

/** A stage whose body is a module of its own: planning loads the declaration, only a worker loads the body. */
export interface StageDeclaration<Params> extends Omit<StageDefinition<Params>, 'run'> {
  /** Imports the module whose default export is the body. */
  body(): Promise<{ default: StageBody<Params> }>;
}

/** Types a stage's definition, and makes one of a declaration with its body elsewhere. */
export function defineStage<Params>(
  stage: StageDefinition<Params> | StageDeclaration<Params>,
): StageDefinition<Params> {
  if ('run' in stage) return stage;
  const { body, ...declared } = stage;
  return { ...declared, run: async (job) => (await body()).default(job) };
}
