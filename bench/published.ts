/**
 * A published model, SmolLM2-135M, in swp's engine and in PyTorch: training steps without a mask, forward passes, and
 * the peak memory of each process, one thread each. PyTorch is tried in several ways first, each in a process of its
 * own (bench/pytorch/decoders.py and transformers, eager and compiled, both kinds of attention); the fastest runs in
 * turns with swp. Ratios are medians of rounds, of the processor's time: what other programs take does not count there.
 *
 *   npm run bench:published                                  # everything: half an hour
 *   npm run bench:published -- training:1x128 forward:4x128  # some
 *   npm run bench:published -- --eager training:1x512        # without torch.compile
 *   npm run bench:published -- --record                      # everything, into docs/measured, for docs/compute.md
 */
import { madeHere, writeMeasured, type PublishedMeasured } from '../build/docs/measured.ts';
import { median } from './median.ts';
import { smollm2, type BenchModel } from './models.ts';
import { isOwnPeer, openOwn, serveOwn } from './own-peer.ts';
import {
  findPyTorch,
  openPyTorch,
  type PyTorchPeer,
  type PyTorchSettings,
  type UnitTimes,
  type Work,
} from './pytorch-peer.ts';

const ROUNDS = 7;
const CASES = ['training:1x128', 'training:2x128', 'training:1x512', 'forward:1x128', 'forward:4x128'];

type Case = PublishedMeasured['cases'][number];

if (isOwnPeer) await serveOwn();
else await main(process.argv.slice(2));

async function main(parameters: readonly string[]): Promise<void> {
  const isOption = (parameter: string) => parameter.startsWith('--');
  const wanted = parameters.filter((parameter) => !isOption(parameter));
  const python = await findPyTorch();
  if (python === undefined) throw new Error('No Python with torch was found: SWP_BENCH_PYTHON can name one.');
  const variants = parameters.includes('--eager') ? (['eager'] as const) : (['eager', 'compile'] as const);
  const cases: Case[] = [];
  let pytorch = '';
  for (const name of wanted.length === 0 ? CASES : wanted) {
    const { work, model } = parseCase(name);
    const settings = await fastest(python, model, work, variants);
    const peer = await openPyTorch(python, model, settings);
    pytorch = /\d+\.\d+/.exec(peer.description)?.[0] ?? pytorch;
    cases.push({ ...(await pair(name, model, work, peer)), variant: variantName(settings) });
    await peer.close();
  }
  if (parameters.includes('--record')) writeMeasured('published', { made: madeHere(), rounds: ROUNDS, pytorch, cases });
}

function parseCase(name: string): { work: Work; model: BenchModel } {
  const [, work, batch, sequence] = /^(training|forward):(\d+)x(\d+)$/.exec(name) ?? [];
  if (work === undefined) throw new Error(`${name} is no case: training:BATCHxSEQUENCE or forward:BATCHxSEQUENCE`);
  return { work: work as Work, model: smollm2({ batch: Number(batch), sequence: Number(sequence) }) };
}

/** The way in which PyTorch is fastest. */
async function fastest(
  python: string,
  model: BenchModel,
  work: Work,
  variants: readonly PyTorchSettings['variant'][],
): Promise<PyTorchSettings> {
  let best: { settings: PyTorchSettings; probed: number } | undefined;
  for (const variant of variants)
    for (const source of ['own', 'transformers'] as const) {
      const settings = { variant, work, masked: false, model: source };
      try {
        const peer = await openPyTorch(python, model, settings);
        const { attention, probed } = peer;
        await peer.close();
        console.log(`  PyTorch ${source} ${variant}, ${attention} attention: ${probed.toFixed(0)} ms`);
        if (best === undefined || probed < best.probed) best = { settings: { ...settings, attention }, probed };
      } catch (error) {
        console.log(
          `  PyTorch ${source} ${variant} does not run here: ${(error as Error).message.split('\n').slice(-2)}`,
        );
      }
    }
  if (best === undefined) throw new Error('PyTorch does not run here.');
  return best.settings;
}

function variantName({ variant, model, attention }: PyTorchSettings): string {
  return `${model}, ${variant}, ${attention}`;
}

async function pair(name: string, model: BenchModel, work: Work, theirs: PyTorchPeer): Promise<Omit<Case, 'variant'>> {
  const own = await openOwn(model, { work, masked: false });
  const times: { own: UnitTimes; theirs: UnitTimes }[] = [];
  let ownPeak = 0;
  for (let round = -1; round < ROUNDS; round++) {
    const reply = await own.times(1);
    const other = await theirs.times(1);
    ownPeak = reply.peakBytes;
    if (round >= 0) times.push({ own: reply, theirs: other }); // the first one warms up
  }
  await own.close();
  const [cpu, wall] = (['cpuMilliseconds', 'milliseconds'] as const).map((clock) => ({
    own: median(times.map((time) => time.own[clock])),
    theirs: median(times.map((time) => time.theirs[clock])),
    ratio: median(times.map((time) => time.own[clock] / time.theirs[clock])),
  }));
  const [ownGigabytes, theirGigabytes] = [ownPeak / 1e9, theirs.peakBytes / 1e9];
  console.log(`${name}, ${ROUNDS} rounds, beside ${theirs.description}`);
  for (const [clock, { own: mine, theirs: others, ratio }] of Object.entries({ processor: cpu!, clock: wall! }))
    console.log(
      `  ${clock.padEnd(9)} swp ${mine.toFixed(0)} ms, PyTorch ${others.toFixed(0)} ms: ratio ${ratio.toFixed(3)}`,
    );
  console.log(
    `  peak      swp ${ownGigabytes.toFixed(2)} GB, PyTorch ${theirGigabytes.toFixed(2)} GB: ratio ${(ownGigabytes / theirGigabytes).toFixed(3)}`,
  );
  return { name, ...cpu!, wallRatio: wall!.ratio, ownGigabytes, theirGigabytes };
}
