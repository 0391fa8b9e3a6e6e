/**
 * How long a study takes as a whole: as a PyTorch script that does the same arms one by one (bench/pytorch/study.py, on
 * as many processes as there are cores, eagerly and with its trainings compiled), and with swp from an empty cache, on
 * each engine. Then again after one arm's percentage has changed: swp computes what the change reaches; of the script,
 * that arm is run alone, which is what its author would do by hand.
 *
 *   npm run bench:study                                  # the pilot: about half an hour on two quiet cores
 *   npm run bench:study -- smoke                         # another profile
 *   SWP_BENCH_PYTHON=/path/to/python npm run bench:study # which Python
 *   npm run bench:study -- --only eager,exact            # some of eager, compile, onnx, exact and webassembly
 *   npm run bench:study -- --record                      # the pilot, into docs/measured, for docs/compute.md
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { madeHere, writeMeasured, type StudyMeasured, type StudyTimes } from '../build/docs/measured.ts';
import { packageRoot } from '../src/base/package-root.ts';
import { generatorNamed, generatorOfThisMachine } from '../src/compute/runtimes/exact/generators.ts';
import { benchModel } from './models.ts';
import { findPyTorch, openPyTorch } from './pytorch-peer.ts';
import { planStudy, type StudyPlan } from './study-plan.ts';

const SWP = join(packageRoot, 'bin/swp.js');
const SCRIPT = join(packageRoot, 'bench/pytorch/study.py');
const RECORDED = 'pilot';

/**
 * The arm that changes, the first one that the profile has. B1 takes about as many training steps as an arm of the
 * pilot on average, has a percentage of its own, which no other arm inherits, and shares its start and most of its
 * first training with others.
 */
const CHANGED = ['B1', 'A1'];
const CHANGED_FRACTION = 0.12;

interface PyTorchReply {
  pytorch: string;
  trainingSteps: number;
  evaluated: number;
  passes: number;
  operations: number;
  runs: { experiment: string; seed: number; perplexities: number[] }[];
}

const SWP_RUNS: readonly {
  name: keyof StudyMeasured['runs'];
  engine: string;
  again: boolean;
  generator?: 'webassembly';
}[] = [
  { name: 'onnx', engine: 'onnx', again: true },
  { name: 'exact', engine: 'exact', again: true },
  { name: 'webassembly', engine: 'exact', again: false, generator: 'webassembly' },
];

const folder = mkdtempSync(join(tmpdir(), 'swp-bench-study-'));
try {
  await benchmark();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function benchmark(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { record: { type: 'boolean', default: false }, only: { type: 'string' } },
  });
  const { record: records } = values;
  const [profile = RECORDED] = positionals;
  const isWanted = (name: string) => values.only === undefined || values.only.split(',').includes(name);
  if (records && profile !== RECORDED) throw new Error(`docs/measured has the profile ${RECORDED} alone.`);
  const cores = availableParallelism();
  const pipeline = join(folder, 'pipeline.json');
  const declared = readFileSync(join(packageRoot, 'pipeline.json'), 'utf8');
  writeFileSync(pipeline, declared);

  const python = await findPyTorch();
  const runs: Partial<Record<keyof StudyMeasured['runs'], StudyTimes>> = {};
  const perplexities: Record<string, Map<string, number[]>> = {};
  let pytorch: Pick<PyTorchReply, 'pytorch' | 'trainingSteps' | 'operations'> | undefined;
  const changed = await changedArm(pipeline, profile);
  if (python === undefined) console.log('No Python with torch was found: SWP_BENCH_PYTHON can name one.');
  else {
    for (const variant of ['eager', 'compile'] as const) {
      if (!isWanted(variant)) continue;
      const attention = await fastestAttention(python, variant);
      const plan = await planStudy(pipeline, profile, { variant, attention, processes: cores });
      const whole = await runPyTorch(python, plan);
      const ofChanged = plan.runs.filter(({ experiment }) => experiment === changed);
      const alone = await runPyTorch(python, { ...plan, runs: ofChanged });
      pytorch = whole.reply;
      perplexities[variant] = finalPerplexities(
        whole.reply.runs.map((run) => ({ ...run, perplexity: run.perplexities.at(-1)! })),
      );
      runs[variant] = { seconds: whole.seconds, secondsAgain: alone.seconds };
      const { trainingSteps, evaluated, passes, operations } = whole.reply;
      console.log(
        `PyTorch ${pytorch.pytorch}, ${attention} attention, ${cores} processes: ${operations} steps of ${plan.runs.length} runs, with ${trainingSteps} training steps, ${evaluated} evaluated sequences and ${passes} forward passes of detections`,
      );
      describe(variant, runs[variant], runs);
    }
  }

  const fastest = generatorOfThisMachine().name;
  for (const { name, engine, again, generator } of SWP_RUNS) {
    if (!isWanted(name) || (generator !== undefined && generatorNamed(generator).name === fastest)) continue;
    writeFileSync(pipeline, declared);
    const cache = join(folder, `cache-${name}`);
    mkdirSync(cache);
    const settings = { profile, pipeline, cache, engine, generator };
    const first = await repro(settings);
    perplexities[name] = await swpPerplexities(settings);
    const second = again ? await reproChanged(settings, declared, changed) : undefined;
    runs[name] = {
      ...{ seconds: first.seconds, nodes: first.nodes },
      ...(second && { secondsAgain: second.seconds, nodesAgain: second.nodes }),
    };
    describe(name, runs[name], runs);
    rmSync(cache, { recursive: true });
  }
  comparePerplexities(perplexities);
  if (records)
    writeMeasured('study', {
      ...{ made: madeHere(), cores, changed, pytorch: /\d+\.\d+/.exec(pytorch?.pytorch ?? '')?.[0] ?? null },
      ...{ trainingSteps: pytorch?.trainingSteps ?? null, operations: pytorch?.operations ?? null, runs },
    });
}

/** Of the pilot's model, as the benchmark of training steps finds it out. */
async function fastestAttention(python: string, variant: StudyPlan['variant']): Promise<string> {
  const peer = await openPyTorch(python, benchModel('built-in'), { variant });
  await peer.close();
  return peer.attention;
}

async function runPyTorch(python: string, plan: StudyPlan): Promise<{ seconds: number; reply: PyTorchReply }> {
  const path = join(folder, 'plan.json');
  writeFileSync(path, JSON.stringify(plan));
  const start = performance.now();
  const { stdout } = await execa(python, [SCRIPT, path], {
    stderr: 'inherit',
    // What it compiles is kept from the first run for the one of the changed arm, as anybody's would be.
    env: { TORCHINDUCTOR_CACHE_DIR: join(folder, 'compiled') },
  });
  return { seconds: (performance.now() - start) / 1000, reply: JSON.parse(stdout) as PyTorchReply };
}

interface SwpSettings {
  profile: string;
  pipeline: string;
  cache: string;
  engine: string;
  generator: string | undefined;
}

interface SwpRun {
  seconds: number;
  /** That were computed. */
  nodes: number;
}

async function repro(settings: SwpSettings): Promise<SwpRun> {
  const start = performance.now();
  const stdout = await swp('repro', settings);
  const seconds = (performance.now() - start) / 1000;
  const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { nodes: { ran: number } };
  return { seconds, nodes: summary.nodes.ran };
}

async function reproChanged(settings: SwpSettings, declared: string, arm: string): Promise<SwpRun> {
  const study = JSON.parse(declared) as Declaration;
  study.experiments[arm]!.params!.prune!.fraction = CHANGED_FRACTION;
  writeFileSync(settings.pipeline, JSON.stringify(study));
  return repro(settings);
}

interface Declaration {
  experiments: Record<string, { params?: { prune?: { fraction?: number } } }>;
}

async function changedArm(pipeline: string, profile: string): Promise<string> {
  const { runs } = await planStudy(pipeline, profile, {
    variant: 'eager',
    attention: 'explicit',
    processes: 1,
  });
  const found = CHANGED.find((arm) => runs.some(({ experiment }) => experiment === arm));
  if (found === undefined) throw new Error(`${profile} has none of ${CHANGED.join(', ')}, of which one changes.`);
  return found;
}

async function swp(command: string, { profile, pipeline, cache, engine, generator }: SwpSettings): Promise<string> {
  const place = ['--profile', profile, '--pipeline', pipeline, '--cache', cache, '--engine', engine];
  const { stdout } = await execa(process.execPath, [SWP, command, ...place, '--json'], {
    stderr: 'inherit',
    maxBuffer: 1e9,
    env: generator === undefined ? {} : { SWP_EXACT_CODE: generator },
  });
  return stdout;
}

/** By experiment, of the last evaluation of each run: do all of them learn the same? */
async function swpPerplexities(settings: SwpSettings): Promise<Map<string, number[]>> {
  const { rows } = JSON.parse(await swp('metrics', settings)) as {
    rows: { experiment: string; seed: number; round: number; stage: string; metrics: { perplexity?: number } }[];
  };
  const last = new Map<string, (typeof rows)[number]>();
  for (const row of rows.filter(({ stage }) => stage === 'eval')) {
    const run = `${row.experiment} ${row.seed}`;
    if (row.round >= (last.get(run)?.round ?? 0)) last.set(run, row);
  }
  return finalPerplexities(
    [...last.values()].map(({ experiment, metrics }) => ({ experiment, perplexity: metrics.perplexity ?? Number.NaN })),
  );
}

function finalPerplexities(runs: readonly { experiment: string; perplexity: number }[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { experiment, perplexity } of runs) found.set(experiment, [...(found.get(experiment) ?? []), perplexity]);
  return found;
}

function describe(
  name: keyof StudyMeasured['runs'],
  { seconds, nodes, secondsAgain, nodesAgain }: StudyTimes,
  { eager, compile }: StudyMeasured['runs'],
): void {
  const ran = (count: number | undefined) => (count === undefined ? '' : ` (${count} nodes)`);
  const ratio = (other: StudyTimes | undefined, label: string) =>
    other === undefined || name === 'eager' || name === 'compile'
      ? ''
      : `, ${(seconds / other.seconds).toFixed(2)} x ${label}`;
  const again = secondsAgain === undefined ? '' : `; one arm changed: ${secondsAgain.toFixed(1)} s${ran(nodesAgain)}`;
  console.log(
    `  ${name.padEnd(12)}${seconds.toFixed(1).padStart(7)} s${ran(nodes)}${ratio(eager, 'PyTorch eager')}${ratio(compile, 'torch.compile')}${again}`,
  );
}

function comparePerplexities(perplexities: Record<string, Map<string, number[]>>): void {
  const names = Object.keys(perplexities);
  const arms = [...new Set(names.flatMap((name) => [...perplexities[name]!.keys()]))];
  console.log(`perplexity at the end, mean over seeds: ${names.join(', ')}`);
  for (const arm of arms) {
    const means = names
      .map((name) => perplexities[name]!.get(arm) ?? [])
      .map((values) => values.reduce((a, b) => a + b, 0) / values.length);
    console.log(`  ${arm.padEnd(16)}${means.map((mean) => mean.toFixed(2).padStart(9)).join('')}`);
  }
}
