/**
 * A rig for tests of the engine: a real cache in a temporary folder, toy stages as modules, real worker processes.
 * What a toy stage does is said by its parameters, so that tests steer it without waiting for time to pass.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as esbuild from 'esbuild';
import { Cache } from '../../src/cache/cache.ts';
import { StudyState } from '../../src/cache/study-state.ts';
import { DagBuilder, type Dag } from '../../src/engine/dag-builder.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { placeOf } from '../../src/engine/stage.ts';
import { plan } from '../../src/engine/plan.ts';
import type { Executor, Slot } from '../../src/engine/executor.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { isOutOfDeviceMemory } from '../../src/compute/runtimes/out-of-memory.ts';
import { run, type RunOptions, type RunResult } from '../../src/engine/run.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';

/**
 * `text`: joins its inputs and says `say`. `do` makes it misbehave; `file` is an external file, `hiddenFile` one that
 * it does not declare, `changes` one that it changes, `rewrites` one that it writes as it is; it holds a connection to
 * the socket `connect` as long as it lives, and may wait for a word there. `first`: the first letter of its input:
 * what differs later in the text does not come through. `list`: gathers, one line per item. `count`: a trajectory: one
 * line per step up to `to`, and what it really did in its log. It holds at the step TOY_HOLD. `joined`: its text is
 * virtual, made of its input, or of an external file, and of its `end`.
 */
const STAGES = {
  text: `
    import { connect } from 'node:net';
    import { readFile, writeFile, appendFile } from 'node:fs/promises';
    const deeds = {
      throw: () => { throw new Error('no luck'); },
      exit: () => process.exit(3),
      kill: () => process.kill(process.pid, 'SIGKILL'),
      'interrupt itself': () => void process.kill(process.pid, 'SIGINT'),
      'write nothing': () => ({}),
      'bad metric': () => ({ nested: {} }),
      wait: async (job) => {
        job.log('waiting ' + process.pid);
        await new Promise((resolve) => { setInterval(() => {}, 1000); job.signal.addEventListener('abort', resolve); });
        job.signal.throwIfAborted();
      },
      'ignore the stop': (job) => { job.log('busy'); for (;;); },
      'wait for a word': async (job) => {
        job.log('holding ' + process.pid);
        await new Promise((resolve) => globalThis.line.once('data', resolve));
      },
      'take memory': async (job) => {
        globalThis.taken = Buffer.alloc(400e6, 1);
        await new Promise((resolve) => { setInterval(() => {}, 1000); job.signal.addEventListener('abort', resolve); });
      },
      'say which GPU': () => void console.log('GPU ' + process.env.CUDA_VISIBLE_DEVICES),
      'run out of device memory': () => { throw new Error('CUDA failure 2: out of memory ; GPU=0'); },
      'miss a file': async (job) => {
        console.log('It writes ' + job.output('text'));
        await readFile(job.output('text'));
      },
      chat: (job) => {
        console.log('on standard output');
        console.error('on standard error');
        job.log('logged: \\u00e4');
        for (let done = 1; done <= 1000; done++) job.progress({ done, total: 1000, values: { done } });
      },
    };
    export default {
      name: 'text', summary: '', params: {},
      inputs: { from: { summary: '', optional: true }, and: { summary: '', optional: true } },
      outputs: { text: { summary: '', file: 'text.txt' }, size: { summary: '', file: 'size.json' } },
      resources: ({ gpus = 0 }) => ({ gpus }),
      files: ({ file, remedy, fileInKey }) => (file ? [{ name: 'data', path: file, remedy, inKey: fileInKey }] : []),
      inKey: ({ named }) => (named ? { named: named.toLowerCase() } : {}),
      async run(job) {
        const { params } = job;
        if (params.connect) await new Promise((resolve) => { globalThis.line = connect(params.connect, resolve); globalThis.line.on('error', () => {}); });
        if (params.changes) await appendFile(params.changes, 'changed');
        if (params.rewrites) await writeFile(params.rewrites, await readFile(params.rewrites));
        const metrics = await deeds[params.do]?.(job);
        if (metrics) return metrics;
        const parts = [];
        for (const name of ['from', 'and']) {
          const path = job.optionalInput(name);
          if (path) parts.push(await readFile(path, 'utf8'));
        }
        if (params.hiddenFile) parts.push(await readFile(params.hiddenFile, 'utf8'));
        const text = parts.join('+') + params.say;
        await writeFile(job.output('text'), text);
        await writeFile(job.output('size'), JSON.stringify(text.length));
        return { size: text.length, pid: process.pid };
      },
    };`,
  first: `
    import { readFile, writeFile } from 'node:fs/promises';
    export default {
      name: 'first', summary: '', params: {},
      inputs: { from: { summary: '' } }, outputs: { text: { summary: '', file: 'first.txt' } },
      async run(job) {
        await writeFile(job.output('text'), (await readFile(job.input('from'), 'utf8'))[0]);
        return {};
      },
    };`,
  count: `
    import { createHash } from 'node:crypto';
    import { readFile, writeFile } from 'node:fs/promises';
    export default {
      name: 'count', summary: '', params: {},
      inputs: { from: { summary: '', optional: true } },
      outputs: { text: { summary: '', file: 'text.txt', evictable: true }, total: { summary: '', file: 'total.json' } },
      trajectory: ({ knowsItsEnd = false }) => ({ length: 'to', state: ['text'], dependsOnLength: knowsItsEnd }),
      async run(job) {
        const { to, say } = job.params;
        const hold = Number(process.env.TOY_HOLD ?? -1);
        const from = job.optionalInput('from');
        const hidden = job.params.hiddenFile ? await readFile(job.params.hiddenFile, 'utf8') : '';
        let text = job.resume ? await readFile(job.resume.state('text'), 'utf8') : say + (from ? await readFile(from, 'utf8') : '');
        for (let step = job.resume?.at ?? 0; step < to; step++) {
          await job.checkpoint(step, (path) => writeFile(path('text'), text));
          if (step === hold) {
            job.log('holding ' + process.pid);
            let written = false;
            while (!written) {
              await job.checkpoint(step, (path) => { written = true; return writeFile(path('text'), text); });
              await new Promise((resolve) => setImmediate(resolve));
            }
            if (!job.signal.aborted) await new Promise((resolve) => { setInterval(() => {}, 1000); job.signal.addEventListener('abort', resolve); });
          }
          job.signal.throwIfAborted();
          job.log('step ' + step);
          text = createHash('sha256').update(text + step + hidden).digest('hex');
        }
        await writeFile(job.output('text'), text);
        await writeFile(job.output('total'), String(to));
        return { to };
      },
    };`,
  joined: `
    import { createHash } from 'node:crypto';
    import { readFile, writeFile } from 'node:fs/promises';
    const whole = async (path) => {
      const text = await readFile(path, 'utf8');
      return text.startsWith('{"swp-virtual":1,') ? join(JSON.parse(text).parts) : text;
    };
    const join = async ({ start, end }) => (await whole(start)) + (await whole(end));
    export default {
      name: 'joined', summary: '', params: {},
      inputs: { from: { summary: '', optional: true, virtual: true } },
      outputs: {
        text: { summary: '', file: 'joined.txt', evictable: true, virtual: true },
        end: { summary: '', file: 'end.txt' },
      },
      files: ({ file }) => (file ? [{ name: 'data', path: file }] : []),
      forms: { joined: async () => ({ default: async (parts, path) => writeFile(path, await join(parts)) }) },
      async run(job) {
        await writeFile(job.output('end'), job.params.end);
        const parts = { start: job.optionalInput('from') ?? job.params.file, end: job.output('end') };
        const text = await join(parts);
        const sha256 = createHash('sha256').update(text + (job.params.lie ?? '')).digest('hex');
        const made = { 'swp-virtual': 1, form: 'joined', stage: 'joined', sha256, bytes: text.length, parts };
        await writeFile(job.output('text'), JSON.stringify(made));
        return {};
      },
    };`,
  list: `
    import { readFile, writeFile } from 'node:fs/promises';
    export default {
      name: 'list', summary: '', params: {},
      inputs: { all: { summary: '', gather: true }, more: { summary: '', gather: true, optional: true } }, outputs: { list: { summary: '', file: 'list.txt' } },
      async run(job) {
        const lines = await Promise.all([...job.gathered('all'), ...job.gathered('more')].map(async ({ label, path }) =>
          label.experiment + ': ' + (path ? await readFile(path, 'utf8') : 'missing')));
        await writeFile(job.output('list'), lines.join('\\n'));
        return { lines: lines.length };
      },
    };`,
};

/** A node as tests write it: `A1/s0/r0/train` at the left, what it consumes by place. */
export interface ToyNode {
  stage?: keyof typeof STAGES;
  from?: string;
  and?: string;
  all?: string[];
  params?: JsonObject;
}

/** Nodes by place; an experiment alone, such as `A1`, stands for `A1/s0/r0/step`. */
export type ToyStudy = Record<string, ToyNode>;

export interface ToyRun {
  result: RunResult;
  events: SwpEvent[];
  /** Experiments whose node ran in a worker, sorted. */
  ran: string[];
  /** Experiments that end in this way. */
  ended(outcome: 'ran' | 'cached' | 'failed' | 'blocked'): string[];
  /** Content of an artifact of the node at a place. */
  read(place: string, artifact?: string): Promise<string>;
}

export interface ToyOptions {
  onEvent?: (event: SwpEvent) => void;
  only?: string[];
  /** Of the local executor: 2 if absent. */
  jobs?: number;
  /** Of the local executor: none if absent. */
  gpus?: GpuSlots;
}

/** As the application makes it. Whoever asks for one closes it. */
export async function localExecutor({
  jobs = 2,
  gpus,
  workers = {},
}: Pick<ToyOptions, 'jobs' | 'gpus'> & { workers?: Record<string, string> } = {}): Promise<Executor<Slot>> {
  return new LocalExecutor({
    jobs,
    environment: workers,
    gpus: gpus ?? new GpuSlots({ choice: 'none' }),
    isOutOfDeviceMemory,
    worker: await builtWorker(),
  });
}

export class Rig {
  readonly directory: string;
  cache: Cache;
  /** Code fingerprints of the toy stages: a test may "change the code" here. */
  readonly fingerprints: Record<string, string> = {
    text: 'text-1',
    first: 'first-1',
    count: 'count-1',
    list: 'list-1',
    joined: 'joined-1',
  };

  private constructor(directory: string, cache: Cache) {
    this.directory = directory;
    this.cache = cache;
  }

  static async create(): Promise<Rig> {
    const directory = await mkdtemp(join(tmpdir(), 'swp-engine-'));
    const stages = join(directory, 'stages');
    await mkdir(stages);
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    for (const [name, source] of Object.entries(STAGES)) await writeFile(join(stages, `${name}.js`), source);
    return new Rig(directory, await Cache.open(join(directory, 'cache')));
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Forgets what this process has verified, as a new process would. */
  async reopen(): Promise<void> {
    this.cache = await Cache.open(this.cache.directory);
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  get loader(): StageLoader {
    return new StageLoader({ modules: this.path('stages'), fingerprints: this.fingerprints });
  }

  study(name = 'pipeline.json'): Promise<StudyState> {
    return StudyState.open(this.cache, this.path(name));
  }

  /** The DAG of a toy study, and the key of each place. */
  async build(study: ToyStudy): Promise<{ dag: Dag; keys: Record<string, string> }> {
    const builder = new DagBuilder({ loader: this.loader, root: this.directory });
    const keys: Record<string, string> = {};
    const artifact = (place: string) => (study[place]!.stage === 'list' ? 'list' : 'text');
    for (const [place, { stage = 'text', from, and, all, params = {} }] of Object.entries(study)) {
      const refer = (to: string) => {
        const [producer, output] = to.split('.') as [string, string?];
        return { key: keys[producer]!, artifact: output ?? artifact(producer) };
      };
      keys[place] = await builder.add({
        stage,
        params: stage === 'text' || stage === 'count' ? { say: stage === 'text' ? place : '', ...params } : params,
        inputs: { ...(from !== undefined && { from: refer(from) }), ...(and !== undefined && { and: refer(and) }) },
        gathers: all
          ? { all: all.map((to) => ({ ...refer(to), label: label(to), stage: study[to]!.stage ?? 'text' })) }
          : {},
        label: label(place),
      });
    }
    return { dag: builder.dag, keys };
  }

  async plan(study: ToyStudy, state?: StudyState) {
    const { dag, keys } = await this.build(study);
    const planned = await plan(dag, this.cache, state ?? (await this.study()));
    return { ...planned, at: (place: string) => planned.nodes.get(keys[place]!)! };
  }

  async run(study: ToyStudy, options: Partial<RunOptions> & ToyOptions = {}): Promise<ToyRun> {
    const { dag, keys } = await this.build(study);
    const events: SwpEvent[] = [];
    const executor = options.executor ?? (await localExecutor(options));
    const result = await run({
      dag,
      cache: this.cache,
      study: options.study ?? (await this.study()),
      stages: this.loader,
      executor,
      environment: async () => ({ host: 'here', cpu: 'a processor', node: process.versions.node }),
      signal: new AbortController().signal,
      ...options,
      ...(options.only && { targets: options.only.map((place) => keys[place]!) }),
      emit: (event) => {
        events.push(event);
        options.onEvent?.(event);
      },
    }).finally(() => (options.executor === undefined ? executor.close() : undefined));
    const ended = (outcome: string) =>
      events
        .flatMap((event) => (event.event === 'node-end' && event.outcome === outcome ? [event.label.experiment] : []))
        .sort();
    return {
      result,
      events,
      ran: ended('ran'),
      ended,
      read: async (place, name = study[place]!.stage === 'list' ? 'list' : 'text') =>
        readFile(this.cache.artifactPath(result.records.get(keys[place]!)!.artifacts[name]!), 'utf8'),
    };
  }
}

export function label(place: string) {
  const [experiment, seed = 's0', round = 'r0', step = 'step'] = place.split('/');
  return { experiment: experiment!, seed: Number(seed.slice(1)), round: Number(round.slice(1)), step };
}

export function placeFor(experiment: string): string {
  return placeOf(label(experiment));
}

let worker: Promise<string> | undefined;

/** The worker, bundled from its present source. */
export function builtWorker(): Promise<string> {
  worker ??= bundle('src/engine/executors/local/worker.ts');
  return worker;
}

/**
 * Bundles a module of the project into a folder named by its content, where it finds the packages that it imports; what
 * it loads later is a file of its own, as in the build.
 */
export async function bundle(entry: string): Promise<string> {
  const name = basename(entry, '.ts');
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    outdir: 'bundle',
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  const hash = createHash('sha256');
  for (const { path, contents } of outputFiles) hash.update(basename(path)).update(contents);
  const folder = join(process.cwd(), 'node_modules/.cache/swp-tests');
  const bundled = join(folder, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(bundled)) {
    await mkdir(folder, { recursive: true });
    const fresh = await mkdtemp(join(folder, 'fresh-'));
    await chmod(fresh, 0o755); // tests in tests/real run it as other users
    for (const { path, contents } of outputFiles) await writeFile(join(fresh, basename(path)), contents);
    // Test files run side by side: another may have been first.
    await rename(fresh, bundled).catch(() => rm(fresh, { recursive: true }));
  }
  return join(bundled, `${name}.mjs`);
}
