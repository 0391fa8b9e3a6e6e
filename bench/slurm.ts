/**
 * What jobs of Slurm cost where runs are short: a study of 200 runs (2 experiments, 100 seeds) of about half a second,
 * on a Slurm of this machine's own, in a job per run, in jobs of some minutes, and without Slurm with equally many
 * nodes at a time. Needs what tests/real/install.sh installs, and root.
 *
 *   npm run bench:slurm          # some minutes; the machine must do nothing else
 *   npm run bench:slurm -- 10    # so many seeds
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { JournalReader, type JournalLine } from '../src/engine/executors/slurm/journal.ts';
import { SlurmCluster } from '../tests/real/slurm-cluster.ts';
import { tinyStudy } from '../tests/support/tiny-study.ts';
import { median } from './median.ts';

/** Every process of Node.js adds at its end what it has taken of processors to a file: jobs inherit the environment. */
const USAGE =
  "data:text/javascript,import{appendFileSync}from'node:fs';process.on('exit',()=>{const{userCPUTime,systemCPUTime}=process.resourceUsage();appendFileSync(process.env.SWP_BENCH_USAGE,(userCPUTime+systemCPUTime)/1e6+'\\n')})";

/** Machines of the cluster, with one CPU each; and nodes at a time without it. */
const WIDTH = 2;
const SEEDS = 100;
const POLL_MS = 200;

interface Row {
  how: string;
  jobs: number;
  /** Until `swp submit` has returned. */
  submitting: number;
  /** Until the last job has ended. */
  wall: number;
  /** Seconds of processors, which say something on a busy machine, too. */
  processors: number;
  /** Of a job: what it takes besides its nodes. */
  overhead: number;
  /** The same of all jobs, as a share of what they take. */
  share: number;
}

const folder = mkdtempSync(join(tmpdir(), 'swp-bench-slurm-'));
const swp = join(process.cwd(), 'bin/swp.js');
const seeds = Number(process.argv[2] ?? SEEDS);
const cluster = await SlurmCluster.start({ nodes: WIDTH, cpus: 1, gpus: 0 });
try {
  const { defaults, ...study } = tinyStudy();
  defaults.params['load-pretrained'] = { checkpoint: 0 }; // there are few, and 100 seeds
  const all = Array.from({ length: seeds }, (_, seed) => seed);
  writeFileSync(join(folder, 'pipeline.json'), JSON.stringify({ ...study, defaults: { ...defaults, seeds: all } }));
  const local = seconds(() => run('repro', 'local', '--jobs', String(WIDTH)));
  print(['how', 'jobs', 'swp submit', 'in all', 'processors', 'a job beside its nodes', 'share']);
  print(['no Slurm', '-', '-', `${local.toFixed(0)} s`, `${usage('local').toFixed(0)} s`, '-', '-']);
  for (const bundle of ['run', '5 minutes']) {
    const { how, jobs, submitting, wall, processors, overhead, share } = await onSlurm(bundle);
    const times = [`${submitting.toFixed(1)} s`, `${wall.toFixed(0)} s`, `${processors.toFixed(0)} s`];
    print([how, String(jobs), ...times, `${overhead.toFixed(1)} s`, `${(100 * share).toFixed(0)} %`]);
  }
} finally {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function onSlurm(bundle: string): Promise<Row> {
  const cache = bundle.replace(' ', '-');
  run('repro', cache, 'seed=0', '--jobs', '1'); // what nodes take is known then
  const before = usage(cache);
  const start = performance.now();
  const submitting = seconds(() => run('submit', cache, '--bundle', bundle));
  while ((await liveJobs()) > 0) await delay(POLL_MS);
  const wall = (performance.now() - start) / 1_000;
  const jobs = journals(join(folder, cache)).map(timesOf);
  const total = jobs.reduce((sum, job) => sum + job.all, 0);
  return {
    how: `--bundle "${bundle}"`,
    jobs: jobs.length,
    submitting,
    wall,
    processors: usage(cache) - before,
    overhead: median(jobs.map((job) => job.all - job.nodes)),
    share: jobs.reduce((sum, job) => sum + job.all - job.nodes, 0) / total,
  };
}

async function liveJobs(): Promise<number> {
  const { stdout } = await cluster.run('squeue', ['--noheader', '--array', '--format=%i']);
  return String(stdout)
    .split('\n')
    .filter((line) => line !== '').length;
}

function run(command: string, cache: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [swp, command, ...args, '--cache', join(folder, cache)], {
    cwd: folder,
    env: { ...cluster.env, NODE_OPTIONS: `--import ${USAGE}`, SWP_BENCH_USAGE: join(folder, `${cache}.usage`) },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`swp ${command} ${args.join(' ')}: ${stderr}`);
}

function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1_000;
}

/** Seconds of processors of all that has run on a cache. */
function usage(cache: string): number {
  const times = readFileSync(join(folder, `${cache}.usage`), 'utf8')
    .trim()
    .split('\n')
    .map(Number);
  return times.reduce((sum, each) => sum + each, 0);
}

/** What each job has told. */
function journals(cache: string): JournalLine[][] {
  return readdirSync(join(cache, 'studies'), { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const [, submission, bundle] = /^(.*)\/(\d+)\.0\.jsonl$/.exec(path) ?? [];
    if (submission === undefined) return [];
    return [new JournalReader(join(cache, 'studies', submission), Number(bundle)).next()];
  });
}

/** Seconds since its process began, and those of its nodes. */
function timesOf(lines: readonly JournalLine[]): { all: number; nodes: number } {
  let [all, nodes] = [0, 0];
  for (const line of lines) {
    if (line.event === 'summary') all = line.seconds;
    if (line.event === 'node-end') nodes += line.seconds;
  }
  return { all, nodes };
}

function print(cells: string[]): void {
  console.log(
    cells.map((cell, index) => (index === 0 ? cell.padEnd(22) : cell.padStart(index === 5 ? 24 : 12))).join(''),
  );
}
