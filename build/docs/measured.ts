/**
 * What was measured for the pages, as it is committed in docs/measured: results of studies, and times of one machine.
 * The pages are made from these files alone; `npm run docs` and the benchmarks write them.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib';
import { packageRoot } from '../../src/base/package-root.ts';
import type { DetectorRates } from '../../src/generated/detector-rates.ts';
import type { EmergencePoint } from '../../src/generated/results.ts';
import type { StudyResults } from '../../src/report/read-results.ts';

const FOLDER = join(packageRoot, 'docs/measured');

/** When and where something was measured. */
export interface Made {
  /** A day, `2026-11-29`. */
  readonly date: string;
  /** As this file's `madeHere` names it: equal names mean that equal bits can be expected. */
  readonly processor: string;
  /** Without the `v`. */
  readonly node: string;
}

/** The pilot: what aggregate wrote, and how many nodes the profile has. */
export interface PilotMeasured {
  readonly made: Made;
  readonly nodes: number;
  readonly results: StudyResults;
}

/** How long the pilot takes, and what lies on the disk afterwards. */
export interface PilotRunMeasured {
  readonly made: Made;
  readonly cores: number;
  /** Into an empty cache. */
  readonly seconds: number;
  /** With everything cached. */
  readonly secondsAgain: number;
  readonly cacheBytes: number;
  /** Of node_modules, as `npm ci` leaves it. */
  readonly packagesBytes: number;
}

/** What `npm run bench:train -- --record` recorded. */
export interface TrainStepMeasured {
  readonly made: Made;
  readonly rounds: number;
  /** Version; null where no Python has it. */
  readonly pytorch: string | null;
  /** What executed the exact engine's programs. */
  readonly generator: string;
  /** Largest GFLOP/s of one core, in registers alone. */
  readonly peaks: {
    /** Of separate multiplications and additions: vectors of WebAssembly, and the widest. */
    readonly separate128: number;
    readonly separate: number;
    /** Of fused ones. */
    readonly fused: number;
  };
  readonly models: readonly {
    readonly name: string;
    readonly training: WorkMeasured;
    /** Losses and predictions of as many tokens. */
    readonly forward: WorkMeasured;
  }[];
}

/** By who does the work; those that did not run are absent. */
export type WorkMeasured = Readonly<Partial<Record<Contender, ContenderMeasured>>>;
export type Contender = 'exact' | 'webassembly' | 'onnx' | 'eager' | 'compile';

export interface ContenderMeasured {
  /** Median per training step or pass. */
  readonly milliseconds: number;
  /** Share of the largest GFLOP/s of the instructions that it uses. */
  readonly share: number;
  /** Time over that of others, medians of rounds. */
  readonly to: Readonly<Partial<Record<Contender, number>>>;
}

/** What `npm run bench:published -- --record` recorded. */
export interface PublishedMeasured {
  readonly made: Made;
  readonly rounds: number;
  /** Version. */
  readonly pytorch: string;
  readonly cases: readonly {
    /** Such as `training:1x128`: one sequence of 128 tokens. */
    readonly name: string;
    /** How PyTorch was fastest. */
    readonly variant: string;
    /** Medians of the processor's milliseconds; and of the ratios of rounds, also by the clock. */
    readonly own: number;
    readonly theirs: number;
    readonly ratio: number;
    readonly wallRatio: number;
    /** Largest resident size of each process. */
    readonly ownGigabytes: number;
    readonly theirGigabytes: number;
  }[];
}

/** What `npm run bench:throughput -- --record` recorded. */
export interface ThroughputMeasured {
  readonly made: Made;
  /** Of two processes on two cores, over that of one alone. */
  readonly pairRatio: number;
  readonly growthSteps: number;
  /** Resident, after that many training steps of the built-in model. */
  readonly growthMegabytes: number;
  /** By model. */
  readonly peakGigabytes: Readonly<Record<string, number>>;
}

/** What `npm run bench:dag -- --record` recorded. */
export interface DagMeasured {
  readonly made: Made;
  readonly nodeSeconds: number;
  readonly helpSeconds: number;
  /** Numbers of nodes. */
  readonly sizes: readonly number[];
  /** With everything cached: seconds by size, null where it was not tried, and the memory at the largest size. */
  readonly commands: readonly {
    readonly command: string;
    readonly seconds: readonly (number | null)[];
    readonly megabytes: number | null;
  }[];
  /** Of the largest size: scheduling and publishing, and all of a node, when nothing is cached. */
  readonly cpuMillisecondsPerNode: number;
  readonly millisecondsPerNode: number;
  /** A thousand deleted results computed again, by size. */
  readonly restored: readonly { readonly nodes: number; readonly seconds: number }[];
}

/** What `npm run bench:exact-functions -- --record` recorded: the same on every machine. */
export interface ExactFunctionsMeasured {
  readonly made: Made;
  readonly functions: readonly {
    readonly name: string;
    /** Floats between the two. */
    readonly from: number;
    readonly to: number;
    /** The largest error, in units of the last place of the result, and where it is. */
    readonly ulps: number;
    readonly at: number;
  }[];
}

/** A row of the table in a model's README. */
export interface CommittedModel {
  readonly model: string;
  readonly seed: number;
  readonly loss: number;
  /** Above the language on the same tokens, and its standard error over sequences. */
  readonly excess: number;
  readonly excessStandardError: number;
  readonly confirmed: number;
  readonly best: {
    readonly layer: number;
    readonly row: number;
    readonly col: number;
    readonly value: number;
    readonly effect: number;
    /** Null where no control was measured. */
    readonly worstControl: number | null;
  };
}

/** The study `studies/detector`. */
export interface DetectorMeasured {
  readonly made: Made;
  readonly models: readonly CommittedModel[];
  readonly rates: DetectorRates;
}

/** The study `studies/emergence`: every look, and the detector's rates in the models at the end. */
export interface EmergenceMeasured {
  readonly made: Made;
  readonly looks: readonly Pick<
    EmergencePoint,
    'experiment' | 'scheme' | 'seed' | 'step' | 'loss' | 'excess' | 'confirmed' | 'best'
  >[];
  readonly rates: DetectorRates;
}

/** The study `studies/learning-rate`: validation losses. */
export interface LearningRateMeasured {
  readonly made: Made;
  /** Round 0 is the start. */
  readonly losses: readonly {
    readonly rate: number;
    readonly seed: number;
    readonly round: number;
    readonly loss: number;
  }[];
}

/** A study's time by the clock: from nothing, and after one arm's percentage was changed. */
export interface StudyTimes {
  readonly seconds: number;
  /** That swp computed. */
  readonly nodes?: number;
  /** Of PyTorch, that arm alone. */
  readonly secondsAgain?: number;
  readonly nodesAgain?: number;
}

/** What `npm run bench:study -- --record` recorded: the pilot with swp, by engine, and as a script in PyTorch. */
export interface StudyMeasured {
  readonly made: Made;
  readonly cores: number;
  /** Version; null where no Python has it. */
  readonly pytorch: string | null;
  /** Of the script, which takes those that arms have in common once for each arm. */
  readonly trainingSteps: number | null;
  /** Trainings, prunes, detections and evaluations of the script. */
  readonly operations: number | null;
  /** The arm that was changed. */
  readonly changed: string;
  readonly runs: Readonly<Partial<Record<Contender, StudyTimes>>>;
}

/** What `npm run docs -- screenshots` took. */
export interface ScreenshotsMeasured {
  readonly made: Made;
  /** Of the pilot's DAG. */
  readonly nodes: number;
  /** A digest of the code of the page. */
  readonly page: string;
}

/** Every file of docs/measured, by its name without the ending. */
export interface Measured {
  readonly pilot: PilotMeasured;
  readonly 'pilot-run': PilotRunMeasured;
  readonly 'train-step': TrainStepMeasured;
  readonly published: PublishedMeasured;
  readonly screenshots: ScreenshotsMeasured;
  readonly throughput: ThroughputMeasured;
  readonly dag: DagMeasured;
  readonly study: StudyMeasured;
  readonly 'exact-functions': ExactFunctionsMeasured;
  readonly detector: DetectorMeasured;
  readonly emergence: EmergenceMeasured;
  readonly 'learning-rate': LearningRateMeasured;
}

export type MeasuredName = keyof Measured;

const CPU_INFO = '/proc/cpuinfo';

/** Results of a study are large; the others are text, whose changes can be read. */
const COMPRESSED: ReadonlySet<MeasuredName> = new Set(['pilot']);

/** This machine, today. */
export function madeHere(): Made {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: processorHere(),
    node: process.versions.node,
  };
}

/**
 * Its name, and on Linux family, model and widest vector instructions: clouds give processors of several generations
 * one name, and virtual machines may hide instructions, without which sums are added up in another order.
 */
function processorHere(): string {
  const name = cpus()[0]?.model.trim() ?? 'unknown processor';
  if (!existsSync(CPU_INFO)) return name;
  const info = readFileSync(CPU_INFO, 'utf8');
  const [family, model] = [/^cpu family\s*: (\d+)/m, /^model\s*: (\d+)/m].map((field) => field.exec(info)?.[1]);
  if (family === undefined || model === undefined) return name;
  const vectors = ['avx512f', 'avx2', 'avx'].find((each) => new RegExp(`^flags\\s*:.*\\b${each}\\b`, 'm').test(info));
  return `${name} (${[`family ${family}`, `model ${model}`, ...(vectors === undefined ? [] : [vectors])].join(', ')})`;
}

const known = new Map<MeasuredName, unknown>();

/** What a page needs was not measured, or is not there: the message says how to get it. */
export class NotMeasured extends Error {}

/**
 * What a file of docs/measured holds.
 * @throws NotMeasured if it is not there
 */
export function measured<Name extends MeasuredName>(name: Name): Measured[Name] {
  if (!known.has(name)) known.set(name, readOne(name));
  return known.get(name) as Measured[Name];
}

export function writeMeasured<Name extends MeasuredName>(name: Name, measured: Measured[Name]): void {
  known.delete(name);
  mkdirSync(FOLDER, { recursive: true });
  const content = COMPRESSED.has(name)
    ? brotliCompressSync(JSON.stringify(measured))
    : `${JSON.stringify(measured, null, 1)}\n`;
  writeFileSync(pathOf(name), content);
}

function readOne(name: MeasuredName): unknown {
  if (!existsSync(pathOf(name))) throw new NotMeasured(`docs/measured has no ${name}: npm run docs -- ${name}`);
  const content = readFileSync(pathOf(name));
  return JSON.parse((COMPRESSED.has(name) ? brotliDecompressSync(content) : content).toString());
}

function pathOf(name: MeasuredName): string {
  return join(FOLDER, `${name}.json${COMPRESSED.has(name) ? '.br' : ''}`);
}
