/**
 * Milliseconds per training step (forward, backward, clip, AdamW, mask) and per forward pass (losses and predictions)
 * on one core: swp with each of its engines, beside PyTorch where a Python has it. Rounds alternate, so that a noisy
 * machine disturbs all alike; medians of rounds, and each one's share of the peak of the instructions that it uses.
 *
 *   npm run bench:train                                  # every model
 *   npm run bench:train -- built-in tiny                 # some
 *   SWP_BENCH_PYTHON=/path/to/python npm run bench:train # which Python
 *   npm run bench:train -- --record                      # every model, into docs/measured, for docs/compute.md
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { countMatmulFlops } from '../src/compute/graph/flops.ts';
import { generatorNamed, generatorOfThisMachine } from '../src/compute/runtimes/exact/generators.ts';
import { buildForwardGraph, buildTrainingGraph } from '../src/model/decoder/decoder-graph.ts';
import {
  madeHere,
  writeMeasured,
  type Contender,
  type TrainStepMeasured,
  type WorkMeasured,
} from '../build/docs/measured.ts';
import { measurePeaks } from './instruction-peak.ts';
import { median } from './median.ts';
import { BENCH_MODELS, type BenchModel } from './models.ts';
import { isOwnPeer, openOwn, serveOwn } from './own-peer.ts';
import { findPyTorch, openPyTorch, type PyTorchPeer, type Work } from './pytorch-peer.ts';

/** Rounds per model and work, and about how long one lasts for each. */
const ROUNDS = 15;
const ROUND_MS = 400;
const MARK = 'SWP_BENCH_PREPARED';
/** Larger models take seconds in WebAssembly. */
const MOST_FLOPS_IN_WEBASSEMBLY = 1e10;

const NAMES: Record<Contender, string> = {
  exact: 'swp exact',
  webassembly: 'swp exact, WebAssembly',
  onnx: 'swp onnx',
  eager: 'PyTorch eager',
  compile: 'torch.compile',
};

interface Peer {
  name: Contender;
  /** Mean per unit. */
  run(units: number): Promise<number>;
  close(): Promise<void>;
}

if (isOwnPeer) await serveOwn();
else if (process.env[MARK] === undefined) process.exit(restart());
else await benchmark();

/** Runs this again pinned to one core, where there is a taskset; peers inherit that. */
function restart(): number {
  const command = [process.execPath, ...process.argv.slice(1)];
  const pinned = ['taskset', '-c', String(availableParallelism() - 1), ...command];
  const hasTaskset = spawnSync('taskset', ['-V']).error === undefined;
  const [file, ...parameters] = (hasTaskset ? pinned : command) as [string, ...string[]];
  return spawnSync(file, parameters, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } }).status ?? 1;
}

async function benchmark(): Promise<void> {
  const records = process.argv.includes('--record');
  const wanted = process.argv.slice(2).filter((argument) => argument !== '--record');
  const python = await findPyTorch();
  if (python === undefined) console.log('No Python with torch was found: SWP_BENCH_PYTHON can name one.');
  const peaks = measurePeaks();
  const generator = generatorOfThisMachine().name;
  console.log(
    `One core reaches ${peaks.separate.toFixed(0)} GFLOP/s with multiplications and additions (${generator}), ${peaks.separate128.toFixed(0)} with vectors of four, ${peaks.fused.toFixed(0)} with fused ones.`,
  );
  const models: TrainStepMeasured['models'][number][] = [];
  let pytorch: string | null = null;
  for (const model of BENCH_MODELS) {
    if (wanted.length > 0 && !wanted.includes(model.name)) continue;
    const of = async (work: Work, flops: number) => {
      const { measured, description } = await measure(model, work, { flops, peaks, python });
      pytorch = /\d+\.\d+/.exec(description ?? '')?.[0] ?? pytorch;
      return measured;
    };
    const training = await of('training', countMatmulFlops(buildTrainingGraph(model.config, model.shape).graph));
    const passFlops = countMatmulFlops(buildForwardGraph(model.config, model.shape, ['losses', 'predictions']));
    models.push({ name: model.name, training, forward: await of('forward', passFlops) });
  }
  if (records) writeMeasured('train-step', { made: madeHere(), rounds: ROUNDS, pytorch, generator, peaks, models });
}

interface Settings {
  flops: number;
  peaks: TrainStepMeasured['peaks'];
  python: string | undefined;
}

async function measure(
  model: BenchModel,
  work: Work,
  { flops, peaks, python }: Settings,
): Promise<{ measured: WorkMeasured; description: string | undefined }> {
  const opened: PyTorchPeer[] = [];
  const peers = [
    ...(await openOwnPeers(model, work, flops)),
    ...(python === undefined ? [] : await openPyTorchPeers(python, model, work, opened)),
  ];
  const times = new Map<Contender, number[]>(peers.map(({ name }) => [name, []]));
  const units = new Map<Contender, number>();
  for (const { name, run } of peers) units.set(name, Math.max(1, Math.round(ROUND_MS / (await run(2)))));
  for (let round = -1; round < ROUNDS; round++)
    for (const { name, run } of peers) {
      const time = await run(units.get(name)!);
      if (round >= 0) times.get(name)!.push(time); // the first one warms up
    }
  for (const { close } of peers) await close();

  const { batch, sequence } = model.shape;
  console.log(
    `\n${model.name}, ${work === 'training' ? 'a training step' : 'a forward pass'}: ${model.config.family}, ${batch} x ${sequence} tokens, ${(flops / 1e6).toFixed(0)} MFLOP, ${ROUNDS} rounds`,
  );
  const measured: Partial<Record<Contender, WorkMeasured[Contender]>> = {};
  for (const [name, own] of times) {
    const milliseconds = median(own);
    const rate = flops / milliseconds / 1e6;
    const peak = name === 'exact' ? peaks.separate : name === 'webassembly' ? peaks.separate128 : peaks.fused;
    const to = Object.fromEntries(
      [...times].flatMap(([other, theirs]) =>
        other === name ? [] : [[other, median(own.map((time, round) => time / theirs[round]!))]],
      ),
    );
    measured[name] = { milliseconds, share: rate / peak, to };
    const ratios = Object.entries(to).map(([other, ratio]) => `${ratio.toFixed(2)} x ${NAMES[other as Contender]}`);
    console.log(
      `  ${NAMES[name].padEnd(23)}${milliseconds.toFixed(2).padStart(9)} ms  ${rate.toFixed(0).padStart(4)} GFLOP/s, ${((100 * rate) / peak).toFixed(0).padStart(2)} % of its peak  ${ratios.join(', ')}`,
    );
  }
  return { measured, description: opened[0]?.description };
}

async function openOwnPeers(model: BenchModel, work: Work, flops: number): Promise<Peer[]> {
  const fastest = generatorOfThisMachine().name;
  const isSmall = flops <= MOST_FLOPS_IN_WEBASSEMBLY && fastest !== generatorNamed('webassembly').name;
  const own: Peer[] = [];
  for (const [name, settings] of [
    ['onnx', {}],
    ['exact', { engine: 'exact' }],
    ...(isSmall ? [['webassembly', { engine: 'exact', generator: 'webassembly' }] as const] : []),
  ] as const) {
    const peer = await openOwn(model, { work, ...settings });
    own.push({ name, run: async (units) => (await peer.times(units)).milliseconds, close: () => peer.close() });
  }
  return own;
}

/** @param opened receives them, too */
async function openPyTorchPeers(python: string, model: BenchModel, work: Work, opened: PyTorchPeer[]): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const variant of ['eager', 'compile'] as const)
    await openPyTorch(python, model, { variant, work }).then(
      (peer) => {
        opened.push(peer);
        peers.push({
          name: variant,
          run: async (units) => (await peer.times(units)).milliseconds,
          close: () => peer.close(),
        });
      },
      (error: Error) => console.log(`  PyTorch ${variant} does not run here: ${error.message.split('\n')[0]}`),
    );
  return peers;
}
