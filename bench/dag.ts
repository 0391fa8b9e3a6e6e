/**
 * How long swp takes where there is nothing, or next to nothing, to do: synthetic studies of 100, 1,000 and 10,000
 * nodes (layers of 100, two parents each, one small artifact each). Beside it, where they are installed: ninja, turbo,
 * snakemake with the same graph, in the same run, alternating. Processor seconds stand beside the wall clock's, since
 * those say something on a busy machine, too. Then how planning grows with the number of experiments, as a power of it.
 *
 *   npm run bench:dag             # everything: some minutes, most of it to compute 10,000 nodes once
 *   npm run bench:dag -- 100 1000 # some sizes
 *   npm run bench:dag -- experiments
 *   npm run bench:dag -- --record # the three sizes, into docs/measured: docs/design.md is made of it
 *
 * swp keeps an artifact once, in its cache, and copies nothing out of it: "restoring" deleted outputs, as other tools
 * do from their cache, is computing them again.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { madeHere, writeMeasured } from '../build/docs/measured.ts';

const ROUNDS = 7;
/** What takes longer than this is run three times only. */
const SLOW_SECONDS = 4;
const SLOW_ROUNDS = 3;
const WIDTH = 100;
const RESTORED = 1_000;
/** The last is as many as a study may have. */
const EXPERIMENTS = [1_000, 2_000, 4_000, 10_000];
const SIZES = [100, 1_000, 10_000];
const CHECKOUT = ['bin', 'build', 'schemas', 'src', 'stages', 'package.json', 'package-lock.json'];

const STAGE = `
  import { writeFile } from 'node:fs/promises';
  import { defineStage } from '../src/engine/stage.ts';
  export default defineStage<{ n: number }>({
    name: 'cell', summary: 'Writes a number.',
    params: { type: 'object', additionalProperties: false, properties: { n: { type: 'integer', default: 0 } } },
    inputs: { a: { summary: 'a parent', optional: true }, b: { summary: 'a parent', optional: true } },
    outputs: { out: { summary: 'The number.', file: 'out.txt' } },
    async run(job) {
      await writeFile(job.output('out'), String(job.params.n));
      return { n: job.params.n };
    },
  });`;

/** Says at its end what a process has taken: kilobytes and seconds, as TIME does of other programs. */
const USAGE =
  "data:text/javascript,process.on('exit',()=>{const{maxRSS,userCPUTime,systemCPUTime}=process.resourceUsage();process.stderr.write('usage '+maxRSS+' '+userCPUTime/1e6+' '+systemCPUTime/1e6)})";
const TIME = '/usr/bin/time';

interface Sample {
  seconds: number;
  /** Of all processors; 0 where it is not known. */
  cpuSeconds: number;
  /** Peak resident size of the largest process; 0 where it is not known. */
  megabytes: number;
}

interface SizeMeasured {
  size: number;
  /** All nodes, computed into an empty cache. */
  first: Sample;
  /** By command, with everything cached. */
  samples: ReadonlyMap<string, Sample[]>;
  /** Seconds; null for a size that is too small. */
  restored: number | null;
}

const folder = mkdtempSync(join(tmpdir(), 'swp-bench-dag-'));
try {
  const sizes = process.argv
    .slice(2)
    .map(Number)
    .filter((size) => size > 0);
  const record = process.argv.includes('--record');
  prepareCheckout();
  const node = repeat(() => time(process.execPath, ['-e', '0'], folder));
  const help = repeat(() => swp(['--help']));
  console.log(`node -e 0:  ${describe(node)}\nswp --help: ${describe(help)}`);
  const measured: SizeMeasured[] = [];
  if (record || !process.argv.includes('experiments'))
    for (const size of sizes.length > 0 && !record ? sizes : SIZES) measured.push(measure(size));
  if (record) recordSizes(measured, middleOf(node, 'seconds'), middleOf(help, 'seconds'));
  else if (sizes.length === 0) measureExperiments();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function prepareCheckout(): void {
  for (const part of CHECKOUT) cpSync(part, join(folder, part), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'dist'));
  for (const kernel of readdirSync('dist').filter((name) => name.endsWith('.wasm')))
    cpSync(join('dist', kernel), join(folder, 'dist', kernel));
  writeFileSync(join(folder, 'stages/cell.ts'), STAGE);
  swp(['--version']); // builds
}

function measure(size: number): SizeMeasured {
  const layers = size / WIDTH;
  const study = join(folder, `study-${size}.json`);
  const cache = join(folder, `cache-${size}`);
  writeFileSync(
    study,
    JSON.stringify({
      name: 'cells',
      dag: [{ repeat: 'rounds', steps: Array.from({ length: WIDTH }, (_, index) => step(index)) }],
      defaults: { rounds: layers },
      experiments: { A: {} },
    }),
  );
  const command = (...args: string[]) => swp([...args, '--pipeline', study, '--cache', cache]);
  const first = command('repro');
  console.log(
    `\n${size.toLocaleString('en')} nodes; computing all: ${first.seconds.toFixed(1)} s, ${((1000 * first.seconds) / size).toFixed(2)} ms a node, publishing included; scheduling and publishing took ${((1000 * first.cpuSeconds) / size).toFixed(2)} ms of a processor a node`,
  );
  const cases: Record<string, () => Sample> = {
    'swp repro, no-op': () => command('repro'),
    'swp repro --dry-run': () => command('repro', '--dry-run'),
    'swp status': () => command('status'),
    ...peers(size, layers),
  };
  command('repro');
  const samples = new Map(Object.keys(cases).map((name) => [name, [] as Sample[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(cases)) {
      const taken = samples.get(name)!;
      if (round < SLOW_ROUNDS || taken[0]!.seconds < SLOW_SECONDS) taken.push(run());
    }
  const base = median(samples.get('swp repro, no-op')!.map(({ seconds }) => seconds));
  for (const [name, taken] of samples)
    console.log(
      `  ${name.padEnd(22)} ${describe(taken)}  x${(median(taken.map(({ seconds }) => seconds)) / base).toFixed(2)}`,
    );
  if (size < RESTORED) return { size, first, samples, restored: null };
  const artifacts = readdirSync(join(cache, 'records'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .slice(0, RESTORED);
  for (const { parentPath, name } of artifacts) rmSync(join(parentPath, name));
  const restored = command('repro');
  console.log(`  ${RESTORED} deleted results computed again: ${restored.seconds.toFixed(2)} s`);
  return { size, first, samples, restored: restored.seconds };
}

/** Writes docs/measured/dag.json. */
function recordSizes(measured: readonly SizeMeasured[], nodeSeconds: number, helpSeconds: number): void {
  const largest = measured.at(-1)!;
  const commands = [...largest.samples.keys()].map((command) => {
    const of = measured.map(({ samples }) => samples.get(command));
    return {
      command: command.startsWith('swp') ? `\`${command.replace(', no-op', '')}\`` : command,
      seconds: of.map((samples) => (samples === undefined ? null : middleOf(samples, 'seconds'))),
      megabytes: middleOf(of.at(-1)!, 'megabytes') || null,
    };
  });
  writeMeasured('dag', {
    ...{ made: madeHere(), nodeSeconds, helpSeconds, commands },
    sizes: measured.map(({ size }) => size),
    cpuMillisecondsPerNode: (1000 * largest.first.cpuSeconds) / largest.size,
    millisecondsPerNode: (1000 * largest.first.seconds) / largest.size,
    restored: measured.flatMap(({ size, restored }) => (restored === null ? [] : [{ nodes: size, seconds: restored }])),
  });
}

/**
 * Studies of many experiments, each with three nodes of its own and one that all share, half of them in a chain of
 * "extends". The power is 1 where a command takes twice as long for twice as many.
 */
function measureExperiments(): void {
  const cache = join(folder, 'cache-experiments');
  console.log(`\nexperiments, seconds of a processor (and megabytes); power of their number between two sizes`);
  const before = new Map<string, { size: number; cpuSeconds: number }>();
  for (const size of EXPERIMENTS) {
    const study = join(folder, `experiments-${size}.json`);
    writeFileSync(study, JSON.stringify(manyExperiments(size)));
    for (const command of [['status'], ['dag', '--json'], ['lint'], ['repro', '--dry-run'], ['explain']]) {
      const name = `swp ${command.join(' ')}`;
      const { cpuSeconds, megabytes } = swp([...command, '--pipeline', study, '--cache', cache]);
      const last = before.get(name);
      const power = last && Math.log(cpuSeconds / last.cpuSeconds) / Math.log(size / last.size);
      before.set(name, { size, cpuSeconds });
      console.log(
        `  ${size.toLocaleString('en').padStart(6)}  ${name.padEnd(22)} ${cpuSeconds.toFixed(2)} s ${megabytes.toFixed(0)} MB  ${power?.toFixed(2) ?? ''}`,
      );
    }
  }
}

function manyExperiments(size: number): object {
  const extended = (index: number) => (index % 2 === 1 && index > 1 ? { extends: `E${index - 2}` } : {});
  return {
    name: 'experiments',
    dag: [
      { step: 'first', stage: 'cell', params: { n: 1 } },
      ...['a', 'b', 'c'].map((step, index, steps) => ({
        step,
        stage: 'cell',
        inputs: { a: `${index === 0 ? 'first' : steps[index - 1]}.out` },
      })),
    ],
    experiments: Object.fromEntries(
      Array.from({ length: size }, (_, index) => [`E${index}`, { ...extended(index), params: { cell: { n: index } } }]),
    ),
  };
}

/** Two parents in the layer before; a later step of the list means that one's instance of the round before. */
function step(index: number): object {
  const parent = (offset: number) => `c${Math.min(index + offset, WIDTH - 1)}.out`;
  return {
    step: `c${index}`,
    stage: 'cell',
    inputs: index < WIDTH - 1 ? { a: parent(1), b: parent(2) } : { a: parent(0) },
    params: { n: index },
  };
}

function swp(args: string[]): Sample {
  return time(process.execPath, [join(folder, 'bin/swp.js'), ...args], folder);
}

/** Those that are installed, with the same graph, brought up to date once. */
function peers(size: number, layers: number): Record<string, () => Sample> {
  const found: Record<string, () => Sample> = {};
  const installed = (name: string) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;
  const parents = (layer: number, index: number) =>
    layer === 0
      ? []
      : [...new Set([Math.min(index + 1, WIDTH - 1), Math.min(index + 2, WIDTH - 1)])].map(
          (parent) => `out/${layer - 1}-${parent}`,
        );
  const cells = Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: WIDTH }, (_, index) => ({ out: `out/${layer}-${index}`, from: parents(layer, index) })),
  ).flat();
  const place = (name: string) => {
    const path = join(folder, `${name}-${size}`);
    mkdirSync(join(path, 'out'), { recursive: true });
    return path;
  };
  if (installed('ninja')) {
    const path = place('ninja');
    writeFileSync(
      join(path, 'build.ninja'),
      [
        'rule cell',
        '  command = echo $out > $out',
        ...cells.map(({ out, from }) => `build ${out}: cell ${from.join(' ')}`),
        '',
      ].join('\n'),
    );
    time('ninja', [], path);
    found['ninja (times only)'] = () => time('ninja', [], path);
  } else console.log('  ninja is not installed');
  if (installed('snakemake')) {
    const path = place('snakemake');
    const targets = cells.slice(-WIDTH).map(({ out }) => `"${out}"`);
    writeFileSync(
      join(path, 'Snakefile'),
      [
        `rule all:\n  input: ${targets.join(', ')}`,
        ...cells.map(
          ({ out, from }, index) =>
            `rule c${index}:\n  input: [${from.map((file) => `"${file}"`).join(', ')}]\n  output: "${out}"\n  shell: "echo {output} > {output}"`,
        ),
      ].join('\n'),
    );
    for (const { out } of cells) writeFileSync(join(path, out), out);
    time('snakemake', ['--touch', '--cores', '1', '--quiet'], path);
    found.snakemake = () => time('snakemake', ['--cores', '1', '--quiet'], path);
  } else console.log('  snakemake is not installed');
  if (installed('turbo')) {
    const path = place('turbo');
    writeFileSync(
      join(path, 'package.json'),
      JSON.stringify({
        name: 'cells',
        packageManager: 'npm@10.0.0',
        scripts: Object.fromEntries(cells.map(({ out }) => [out.slice(4), `echo ${out} > ${out}`])),
      }),
    );
    writeFileSync(
      join(path, 'turbo.json'),
      JSON.stringify({
        tasks: Object.fromEntries(
          cells.map(({ out, from }) => [
            out.slice(4),
            { inputs: ['turbo.json'], outputs: [out], dependsOn: from.map((file) => file.slice(4)) },
          ]),
        ),
      }),
    );
    const last = cells.slice(-WIDTH).map(({ out }) => out.slice(4));
    time('turbo', ['run', ...last], path, { PATH: `${quickNpm(join(path, 'bin'))}:${process.env.PATH}` });
    found.turbo = () => time('turbo', ['run', ...last], path);
  } else console.log('  turbo is not installed');
  return found;
}

/**
 * Turbo starts npm for each task, which takes a hundred times as long as the task. What is measured, where all is
 * cached, starts none.
 */
function quickNpm(folder: string): string {
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'npm'),
    '#!/bin/sh\nif [ "$1" = run ]; then echo "out/$2" > "out/$2"; else echo 10.0.0; fi\n',
  );
  chmodSync(join(folder, 'npm'), 0o755);
  return folder;
}

function time(program: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Sample {
  const start = performance.now();
  const own =
    program === process.execPath
      ? [program, '--import', USAGE]
      : existsSync(TIME)
        ? [TIME, '-f', 'usage %M %U %S', program]
        : [program];
  const [first, ...rest] = [...own, ...args];
  const { status, stderr } = spawnSync(first!, rest, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', ...env },
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new Error(`${program} ${args.slice(0, 8).join(' ')} ended with ${status}:\n${stderr.slice(0, 2000)}`);
  const seconds = (performance.now() - start) / 1000;
  const [, kilobytes = 0, user = 0, system = 0] = (/usage (\d+) ([\d.]+) ([\d.]+)/.exec(stderr) ?? []).map(Number);
  return { seconds, cpuSeconds: user + system, megabytes: kilobytes / 1024 };
}

function repeat(run: () => Sample): Sample[] {
  return Array.from({ length: ROUNDS }, run);
}

function middleOf(samples: readonly Sample[], name: keyof Sample): number {
  return median(samples.map((sample) => sample[name]));
}

function describe(samples: Sample[]): string {
  const [cpu, megabytes] = [middleOf(samples, 'cpuSeconds'), middleOf(samples, 'megabytes')];
  return `${middleOf(samples, 'seconds').toFixed(3)} s${cpu > 0 ? ` (${cpu.toFixed(2)})` : ''}${megabytes > 0 ? ` ${megabytes.toFixed(0)} MB` : ''}`;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
