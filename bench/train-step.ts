/**
 * Milliseconds per training step (forward, backward, clip, AdamW, mask) on one thread, beside PyTorch where a Python
 * has it, and beside the core's GEMM speed. Rounds alternate, so that a noisy machine disturbs all alike; medians of
 * rounds.
 *
 *   npm run bench:train                                  # every model
 *   npm run bench:train -- built-in tiny                 # some
 *   SWP_BENCH_PYTHON=/path/to/python npm run bench:train # which Python
 *   npm run bench:train -- --record                      # every model, into docs/measured, for docs/compute.md
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { countMatmulFlops } from '../src/compute/graph/flops.ts';
import { Graph } from '../src/compute/graph/graph.ts';
import { openSession } from '../src/compute/runtimes/open-session.ts';
import { CPU_TARGET, type GraphSession } from '../src/compute/runtimes/runtime.ts';
import { workerEnvironment } from '../src/compute/runtimes/worker-environment.ts';
import { buildTrainingGraph } from '../src/model/decoder/decoder-graph.ts';
import { madeHere, writeMeasured, type TrainStepMeasured } from '../build/docs/measured.ts';
import { median } from './median.ts';
import { BENCH_MODELS, type BenchModel } from './models.ts';
import { openTrainer } from './open-trainer.ts';
import { findPyTorch, openPyTorch, type PyTorchPeer } from './pytorch-peer.ts';

const GEMM_SIZE = 768;
/** Rounds per model, and about how long one lasts. */
const ROUNDS = 15;
const ROUND_MS = 600;
const MARK = 'SWP_BENCH_PREPARED';

if (process.env[MARK] === undefined) process.exit(restart());
const RECORD = process.argv.includes('--record');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--record');
const models = BENCH_MODELS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const python = await findPyTorch();
const gemm = await createGemm();
console.log(
  python === undefined ? 'No Python with torch was found: SWP_BENCH_PYTHON can name one.' : `PyTorch of ${python}`,
);
const measuredModels: TrainStepMeasured['models'][number][] = [];
let pytorch: string | null = null;
for (const model of models) measuredModels.push(await measure(model));
if (RECORD) writeMeasured('train-step', { made: madeHere(), rounds: ROUNDS, pytorch, models: measuredModels });

/** Runs this again as a worker of a study runs, on one core: both must be settled before the process starts. */
function restart(): number {
  const command = [process.execPath, ...process.argv.slice(1)];
  const pinned = ['taskset', '-c', String(availableParallelism() - 1), ...command];
  const env = { ...process.env, ...workerEnvironment(process.env), [MARK]: '1' };
  const hasTaskset = spawnSync('taskset', ['-V']).error === undefined;
  const [file, ...parameters] = (hasTaskset ? pinned : command) as [string, ...string[]];
  return spawnSync(file, parameters, { stdio: 'inherit', env }).status ?? 1;
}

async function measure(model: BenchModel): Promise<TrainStepMeasured['models'][number]> {
  const training = buildTrainingGraph(model.config, model.shape);
  const flops = countMatmulFlops(training.graph);
  const step = await openTrainer(model);
  const peers: [string, PyTorchPeer][] = [];
  if (python !== undefined)
    for (const variant of ['eager', 'compile'] as const)
      await openPyTorch(python, model, { variant }).then(
        (peer) => peers.push([variant, peer]),
        (error: Error) => console.log(`  PyTorch ${variant} does not run here: ${error.message.split('\n')[0]}`),
      );
  const contenders: [string, (steps: number) => Promise<number>][] = [
    ['swp', (steps) => meanTime(steps, step)],
    ...peers.map(([variant, peer]): [string, (steps: number) => Promise<number>] => [
      `PyTorch ${variant}`,
      async (steps) => (await peer.times(steps)).milliseconds,
    ]),
    ['GEMM', () => meanTime(3, () => gemm.run())],
  ];

  const times = new Map<string, number[]>(contenders.map(([name]) => [name, []]));
  const perRound = Math.max(1, Math.round(ROUND_MS / (await meanTime(2, step))));
  for (let round = -1; round < ROUNDS; round++)
    for (const [name, run] of contenders) {
      const time = await run(perRound);
      if (round >= 0) times.get(name)!.push(time); // the first one warms up
    }
  for (const [, peer] of peers) await peer.close();

  const own = times.get('swp')!;
  const gemmRate = (2 * GEMM_SIZE ** 3) / median(times.get('GEMM')!) / 1e6;
  const { batch, sequence } = model.shape;
  console.log(
    `\n${model.name}: ${model.config.family}, batch ${batch} x ${sequence}, ${(flops / 1e6).toFixed(0)} MFLOP, ${ROUNDS} rounds of ${perRound}`,
  );
  for (const [name] of contenders) {
    if (name === 'GEMM') continue;
    const milliseconds = median(times.get(name)!);
    const rate = flops / milliseconds / 1e6;
    const ratio =
      name === 'swp'
        ? ''
        : `  swp / PyTorch ${median(own.map((time, round) => time / times.get(name)![round]!)).toFixed(2)}`;
    console.log(
      `  ${name.padEnd(16)} ${milliseconds.toFixed(2).padStart(9)} ms  ${rate.toFixed(0).padStart(4)} GFLOP/s, ${((100 * rate) / gemmRate).toFixed(0)} % of GEMM${ratio}`,
    );
  }
  console.log(`  GEMM ${GEMM_SIZE} cubed  ${gemmRate.toFixed(0)} GFLOP/s`);
  for (const [variant, { description, peakBytes }] of peers) {
    console.log(`  PyTorch ${variant}: ${description}; peak ${(peakBytes / 1e9).toFixed(2)} GB`);
    pytorch = /\d+\.\d+/.exec(description)?.[0] ?? pytorch;
  }
  const ratioTo = (name: string) => {
    const theirs = times.get(name);
    return theirs === undefined ? null : median(own.map((time, round) => time / theirs[round]!));
  };
  return {
    name: model.name,
    milliseconds: median(own),
    gflops: flops / median(own) / 1e6,
    gemmGflops: gemmRate,
    eager: ratioTo('PyTorch eager'),
    compile: ratioTo('PyTorch compile'),
  };
}

async function createGemm(): Promise<GraphSession> {
  const graph = new Graph();
  const square = [GEMM_SIZE, GEMM_SIZE];
  graph.output('product', graph.matmul(graph.input('a', square), graph.input('b', square)));
  const session = await openSession(graph, CPU_TARGET);
  session.feed('a', new Float32Array(GEMM_SIZE ** 2).fill(0.5));
  session.feed('b', new Float32Array(GEMM_SIZE ** 2).fill(0.25));
  session.fetch('product', new Float32Array(GEMM_SIZE ** 2));
  return session;
}

/** Milliseconds per repetition. */
async function meanTime(repetitions: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < repetitions; index++) await work();
  return (performance.now() - start) / repetitions;
}
