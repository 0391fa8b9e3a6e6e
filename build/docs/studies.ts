/**
 * Runs the studies that the pages quote, and keeps of their results what the pages need. What a cache has is not
 * computed again.
 */
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../src/base/package-root.ts';
import type { DetectorRates } from '../../src/generated/detector-rates.ts';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { Results } from '../../src/generated/results.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { madeHere, type CommittedModel, type Measured } from './measured.ts';

const SWP = join(packageRoot, 'bin/swp.js');

/** The committed models, after which experiments of the study detector are named. */
export const MODELS = ['marker-retrieval', 'marker-retrieval-no-bos', 'marker-retrieval-gelu'];

/** Where a study runs, and how many nodes at a time. */
export interface StudyPlace {
  /** A folder; by default the study's own. */
  readonly cache: string | undefined;
  readonly jobs: string | undefined;
}

/** A node as `swp show --json` has it. */
interface ShownNode {
  readonly round: number;
  readonly runs: readonly { readonly experiment: string; readonly seed: number }[];
  /** Paths by name. */
  readonly artifacts: Readonly<Record<string, string>>;
}

class Study {
  readonly #options: string[];
  readonly #jobs: string[];

  constructor(pipeline: string, { cache, jobs }: StudyPlace) {
    this.#options = ['--pipeline', resolve(packageRoot, pipeline), ...(cache === undefined ? [] : ['--cache', cache])];
    this.#jobs = jobs === undefined ? [] : ['--jobs', jobs];
  }

  /** Brings every node up to date. */
  async run(): Promise<void> {
    await execa(process.execPath, [SWP, 'repro', ...this.#options, ...this.#jobs], { stdio: 'inherit' });
  }

  async nodes(...selectors: string[]): Promise<ShownNode[]> {
    const { stdout } = await execa(process.execPath, [SWP, 'show', ...selectors, ...this.#options, '--json'], {
      maxBuffer: 1e9,
    });
    const shown = JSON.parse(stdout) as { nodes: ShownNode[] } | ShownNode;
    return 'nodes' in shown ? shown.nodes : [shown];
  }

  /** The results of aggregate. Their digests are cut: whole ones would be half of the file. */
  async results(): Promise<Results> {
    const [node] = await this.nodes('stage=aggregate');
    return JSON.parse(readFileSync(node!.artifacts.results!, 'utf8').replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1'));
  }

  async rates(): Promise<DetectorRates> {
    const [node] = await this.nodes('stage=rate-detector');
    return readJson(node!.artifacts.rates!);
  }

  /** How many nodes the profile has. */
  async size(): Promise<number> {
    const { stdout } = await execa(process.execPath, [SWP, 'status', ...this.#options, '--json'], { maxBuffer: 1e9 });
    return (JSON.parse(stdout) as { nodes: unknown[] }).nodes.length;
  }
}

/** @param pipeline the pilot's study; a copy elsewhere keeps its report there */
export async function runPilot(place: StudyPlace, pipeline = 'pipeline.json'): Promise<Measured['pilot']> {
  const study = new Study(pipeline, place);
  await study.run();
  const results = (await study.results()) as unknown as StudyResults;
  return { made: madeHere(), nodes: await study.size(), results };
}

/** The pilot into a new cache, then again with everything cached. What else the machine does is in the times. */
export async function timePilot(): Promise<Measured['pilot-run']> {
  const cache = mkdtempSync(join(tmpdir(), 'swp-docs-'));
  try {
    const study = new Study('pipeline.json', { cache, jobs: undefined });
    const [seconds, secondsAgain] = [await secondsOf(() => study.run()), await secondsOf(() => study.run())];
    return {
      ...{ made: madeHere(), cores: availableParallelism(), seconds, secondsAgain },
      cacheBytes: bytesUnder(cache),
      packagesBytes: bytesUnder(join(packageRoot, 'node_modules')),
    };
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** What a folder takes on the disk: a file of several names once. */
function bytesUnder(folder: string): number {
  const counted = new Set<number>();
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const { ino, blocks } = lstatSync(join(folder, name));
    if (!counted.has(ino)) bytes += 512 * blocks;
    counted.add(ino);
  }
  return bytes;
}

/** Five minutes on one core. */
export async function runDetector(place: StudyPlace): Promise<Measured['detector']> {
  const study = new Study('studies/detector/pipeline.json', place);
  await study.run();
  const evaluations = await study.nodes('stage=eval');
  const models: CommittedModel[] = [];
  for (const { runs, artifacts } of await study.nodes('stage=detect-sw', `experiment=${MODELS.join()}`)) {
    const { experiment: model, seed } = runs.find(({ experiment }) => MODELS.includes(experiment))!;
    const evaluation = evaluations.find((node) =>
      node.runs.some((run) => run.experiment === model && run.seed === seed),
    );
    models.push({
      model,
      seed,
      ...qualityOf(readJson<Evaluation>(evaluation!.artifacts.evaluation!)),
      ...strongestOf(readJson<SuperWeightReport>(artifacts.superWeights!)),
    });
  }
  return { made: madeHere(), models, rates: await study.rates() };
}

/** A quarter of an hour on one core. */
export async function runEmergence(place: StudyPlace): Promise<Measured['emergence']> {
  const study = new Study('studies/emergence/pipeline.json', place);
  await study.run();
  const { emergence } = await study.results();
  const looks = emergence.map(({ experiment, scheme, seed, step, loss, excess, confirmed, best }) => ({
    ...{ experiment, scheme, seed, step, loss, excess, confirmed, best },
  }));
  return { made: madeHere(), looks, rates: await study.rates() };
}

/** Some minutes on one core. */
export async function runLearningRate(place: StudyPlace): Promise<Measured['learning-rate']> {
  const study = new Study('studies/learning-rate/pipeline.json', place);
  await study.run();
  const losses = (await study.nodes('stage=eval')).flatMap(({ runs, round, artifacts }) => {
    const { loss } = readJson<Evaluation>(artifacts.evaluation!);
    return runs.map(({ experiment, seed }) => ({ rate: Number(experiment.replace('lr', '')), seed, round, loss }));
  });
  return { made: madeHere(), losses };
}

function qualityOf({
  loss,
  excess,
  excessStandardError,
}: Evaluation): Pick<CommittedModel, 'loss' | 'excess' | 'excessStandardError'> {
  return { loss, excess: excess!, excessStandardError: excessStandardError! };
}

/** The confirmed super weight, or else the candidate that costs most; controls are measured where it costs enough. */
function strongestOf({ confirmed, candidates }: SuperWeightReport): Pick<CommittedModel, 'confirmed' | 'best'> {
  const [best] = candidates.toSorted((a, b) => Number(b.confirmed) - Number(a.confirmed) || b.effect - a.effect);
  const { coordinate, effect, controls, worstControl } = best!;
  const { layer, row, col, value } = coordinate;
  return {
    confirmed: confirmed.length,
    best: { layer: layer!, row, col, value, effect, worstControl: controls.length > 0 ? worstControl : null },
  };
}

function readJson<Content>(path: string): Content {
  return JSON.parse(readFileSync(path, 'utf8')) as Content;
}
