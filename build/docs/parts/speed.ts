/** Times of one machine: docs/compute.md, docs/design.md and README.md, from what the benchmarks recorded. */
import { measured, type ContenderMeasured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, type Part } from '../part.ts';

const COMPUTE = 'docs/compute.md';
const DESIGN = 'docs/design.md';
const README = 'README.md';

/** How the table calls the models of bench/models.ts. */
const MODELS: Readonly<Record<string, string>> = {
  'built-in': 'built-in (Llama-like, 3 layers, width 48, 16 x 64 tokens)',
  tiny: 'tiny (GPT-2-like, 2 layers, width 64, 16 x 64)',
  small: 'small (4 layers, width 128, 8 x 128)',
  medium: 'medium (6 layers, width 384, 2 x 256)',
  gpt2: 'gpt2 (12 layers, width 768, 1 x 128)',
};

export const speed: Part = {
  blocks: {
    'training steps': trainingStepsTable,
    'forward passes': forwardPassesTable,
    'nothing to do': nothingToDoTable,
  },
  sentences: [
    { page: COMPUTE, says: trainingMachine },
    { page: COMPUTE, says: throughputSentence },
    { page: README, says: eagerSentence },
    { page: DESIGN, says: nothingMachine },
    { page: DESIGN, says: schedulingSentence },
    { page: DESIGN, says: restoredSentence },
    { page: README, says: pilotTimeSentence },
    { page: README, says: diskSentence },
  ],
};

function trainingStepsTable(): string {
  return workTable('training');
}

function forwardPassesTable(): string {
  return workTable('forward');
}

function workTable(work: 'training' | 'forward'): string {
  return markdownTable(
    [
      ...['model', '`onnx`, ms', 'time / eager PyTorch', 'time / torch.compile'],
      ...['`exact`, ms', 'of its peak', 'time / eager PyTorch', 'time / torch.compile', 'time / `onnx`'],
      'on WebAssembly, time / `onnx`',
    ],
    measured('train-step').models.map((model) => {
      const { onnx, exact, webassembly } = model[work];
      return [
        MODELS[model.name] ?? model.name,
        millisecondsText(onnx),
        ...[onnx?.to.eager, onnx?.to.compile].map(ratioText),
        millisecondsText(exact),
        exact === undefined ? '-' : `${Math.round(100 * exact.share)} %`,
        ...[exact?.to.eager, exact?.to.compile, exact?.to.onnx, webassembly?.to.onnx].map(ratioText),
      ];
    }),
  );
}

function millisecondsText(contender: ContenderMeasured | undefined): string {
  if (contender === undefined) return '-';
  const { milliseconds } = contender;
  return milliseconds < 100 ? milliseconds.toFixed(1) : String(Math.round(milliseconds));
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '-' : ratio.toFixed(2);
}

function trainingMachine(): Wording {
  const { made, rounds, pytorch, generator, peaks } = measured('train-step');
  const gflops = (peak: number) => Math.round(peak);
  return says`Medians of ${rounds} rounds on one core of an ${made.processor}, Node ${made.node}, beside PyTorch ${pytorch ?? '(none)'} at its best there. \`exact\` ran as ${generator}; with registers alone the core reaches ${gflops(peaks.separate)} GFLOP/s with its multiplications and additions, ${gflops(peaks.separate128)} with WebAssembly's, and ${gflops(peaks.fused)} with fused ones, which the others use:`;
}

function throughputSentence(): Wording {
  const { pairRatio, growthSteps, growthMegabytes, peakGigabytes } = measured('throughput');
  return says`Two processes on two cores reach ${pairRatio.toFixed(2)} times the throughput of one, memory does not grow over ${growthSteps.toLocaleString('en-US')} training steps (${Math.round(growthMegabytes)} MB for the built-in model), and a training step of gpt2 takes ${peakGigabytes.gpt2!.toFixed(1)} GB at most:`;
}

/** Larger models "come out about even": what is said holds while all ratios are within a tenth of 1. */
function eagerSentence(): Wording {
  const { models } = measured('train-step');
  const ratios = models.flatMap(({ name, training }) => {
    const ratio = training.onnx?.to.eager;
    return (name === 'medium' || name === 'gpt2') && ratio !== undefined ? [ratio] : [];
  });
  const even = ratios.every((ratio) => Math.abs(ratio - 1) <= 0.1);
  const others = even ? 'larger models come out about even' : `larger models take ${range(ratios)} times`;
  const { onnx, exact } = models[0]!.training;
  return says`On one core it trains the built-in model in ${onnx!.to.eager!.toFixed(1)} times the time of tuned eager PyTorch, and with \`--engine exact\` in ${exact!.to.eager!.toFixed(1)} times; ${others}. \`--device cuda\``;
}

function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}

function nothingToDoTable(): string {
  const { sizes, commands } = measured('dag');
  return markdownTable(
    [
      '',
      ...sizes.map((size) => `${size.toLocaleString('en-US')} nodes`),
      `memory at ${sizes.at(-1)!.toLocaleString('en-US')}`,
    ],
    commands.map(({ command, seconds, megabytes }) => [
      command,
      ...seconds.map((each) => (each === null ? '-' : twoDigits(each))),
      megabytes === null ? '-' : `${Math.round(megabytes)} MB`,
    ]),
  );
}

function nothingMachine(): Wording {
  const { made, helpSeconds, nodeSeconds } = measured('dag');
  return says`Two ${made.processor} cores, Node ${made.node}, nothing else running. \`swp --help\` takes ${helpSeconds.toFixed(2)} s, of which Node itself takes ${nodeSeconds.toFixed(3)}.`;
}

function schedulingSentence(): Wording {
  const { cpuMillisecondsPerNode, millisecondsPerNode } = measured('dag');
  return says`scheduling and publishing take ${twoDigits(cpuMillisecondsPerNode)} ms of a processor per node, and a node of the benchmark takes ${twoDigits(millisecondsPerNode)} ms on the clock`;
}

function restoredSentence(): Wording {
  const { restored } = measured('dag');
  const [large, small] = [restored.at(-1)!, restored[0]!].map(({ seconds }) => seconds.toFixed(1));
  return says`1,000 deleted ones of 10,000 took ${large!} s, 1,000 of 1,000 took ${small!} s.`;
}

/** 0.13, 0.96, 5.1, 72: two digits that count, where there are as many. */
function twoDigits(value: number): string {
  if (value >= 10) return String(Math.round(value));
  return value.toFixed(value >= 1 ? 1 : value < 0.01 ? 3 : 2);
}

function pilotTimeSentence(): Wording {
  const { cores, seconds, secondsAgain } = measured('pilot-run');
  const minutes = Math.max(1, Math.round(seconds / 60));
  const again = secondsAgain < 1 ? 'under a second' : `${Math.ceil(secondsAgain)} seconds`;
  return says`On ${inWords(cores)} cores it takes about ${inWords(minutes)} minutes. It ends with a summary and the path of the report. Run \`npx swp repro\` again: everything is cached, and it is done in ${again}.`;
}

function diskSentence(): Wording {
  const { cacheBytes, packagesBytes } = measured('pilot-run');
  const gigabytes = (bytes: number, digits: number) => (bytes / 1e9).toFixed(digits);
  return says`and ${gigabytes(cacheBytes + packagesBytes, 1)} GB of disk (packages ${gigabytes(packagesBytes, 1)}, the pilot's cache ${gigabytes(cacheBytes, 2)}).`;
}
