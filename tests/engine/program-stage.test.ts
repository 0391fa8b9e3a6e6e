/** A stage may be a module or a program of any language: a worker runs both alike. */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { programCode } from '../../src/engine/program-code.ts';
import { readManifest } from '../../src/engine/stage-manifest.ts';
import { execute, type JobOutcome } from '../../src/engine/executor.ts';
import { localExecutor } from './rig.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'swp-executor-'));
  await mkdir(join(root, 'stages'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'in.txt'), 'given');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const DECLARED = {
  inputs: { from: { summary: '' }, and: { summary: '', optional: true } },
  outputs: { text: { summary: '', file: 'text.txt' } },
};

/** The same deeds, said to the worker by function calls. */
const MODULE = `
  import { readFile, writeFile } from 'node:fs/promises';
  export default {
    name: 'own', summary: '', params: {}, ...${JSON.stringify(DECLARED)},
    async run(job) {
      const { deed, say } = job.params;
      if (deed === 'fail') throw new Error('no luck');
      if (deed === 'die') process.kill(process.pid, 'SIGKILL');
      if (deed === 'wait') {
        await writeFile(job.output('text'), String(process.pid));
        job.log('waiting');
        await new Promise((resolve) => { setInterval(() => {}, 1000); job.signal.addEventListener('abort', resolve); });
        job.signal.throwIfAborted();
      }
      job.log('a line');
      console.error('another');
      job.progress({ done: 1, total: 2 });
      job.progress({ done: 2, total: 2 });
      await writeFile(job.output('text'), (await readFile(job.input('from'), 'utf8')) + say + (job.optionalInput('and') ?? ''));
      return { length: say.length, ...(deed === 'overflow' && { text: 'no NaN', a: NaN, b: -Infinity }) };
    },
  };`;

/** And by JSON on standard input and output. */
const PROGRAM = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const { params: { deed, say }, inputs, outputs } = JSON.parse(readFileSync(0, 'utf8'));
  if (deed === 'fail') { console.error('no luck'); process.exit(1); }
  if (deed === 'die') process.kill(process.pid, 'SIGKILL');
  if (deed === 'wait') {
    writeFileSync(outputs.text, String(process.pid));
    console.log('waiting');
    setInterval(() => {}, 1000);
  } else {
    console.log('a line');
    console.error('another');
    for (const done of [1, 2]) console.log(JSON.stringify({ progress: { done, total: 2 } }));
    writeFileSync(outputs.text, readFileSync(inputs.from, 'utf8') + say + (inputs.and ?? ''));
    // As Python writes it.
    if (deed === 'babble') {
      console.log('{"progress": {"done": 1, "total": 2, "values": null}}');
      console.log('{"progress": {"done": 1, "total": 2, "values": {"loss": NaN, "text": "NaN", "known": 3}}}');
      for (const odd of ['NaN', 'Infinity', '1e999', 'null'])
        console.log('{"progress": {"done": ' + odd + ', "total": 2, "values": {"odd": 1}}}');
      console.log('{"metrics": {"of another": "' + '\\\\"'.repeat(500_000));
    }
    const odd = deed === 'overflow' ? ', "text": "no NaN", "a": NaN, "b": -Infinity' : '';
    console.log('{"metrics": {"length": ' + say.length + odd + '}}');
  }`;

const EXECUTORS = {
  'a module': async () => {
    await writeFile(join(root, 'stages/own.js'), MODULE);
    return join(root, 'stages/own.js');
  },
  'a program': async () => {
    await writeFile(join(root, 'stages/own.mjs'), PROGRAM);
    await writeFile(
      join(root, 'stages/own.stage.json'),
      JSON.stringify({
        name: 'own',
        summary: '',
        command: [process.execPath, 'stages/own.mjs'],
        params: { type: 'object' },
        ...DECLARED,
      }),
    );
    return join(root, 'stages/own.stage.json');
  },
};

describe.each(Object.entries(EXECUTORS))('%s', (_, install) => {
  async function start(params: { deed?: string; say?: string } = {}) {
    const executor = await localExecutor({ jobs: 1 });
    onTestFinished(() => executor.close());
    const module = await install();
    const seen = { output: '', progress: [] as number[] };
    let wake = () => {};
    const run = (deed: typeof params): Promise<JobOutcome> =>
      execute(
        executor,
        { place: 'A/s0/r0/own', resources: { cpus: 1, gpus: 0 } },
        {
          module,
          root,
          params: { say: 'hello', ...deed },
          inputs: { from: join(root, 'in.txt') },
          gathered: {},
          outputs: { text: join(root, 'text.txt') },
        },
        (event) => {
          if (event.kind === 'progress') seen.progress.push(event.progress.done);
          if (event.kind !== 'output') return;
          seen.output += event.text;
          wake();
        },
      );
    const says = async (word: string) => {
      while (!seen.output.includes(word)) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { executor, seen, run, says, outcome: run(params) };
  }

  it('reads parameters and inputs, writes outputs, and answers with metrics', async () => {
    const { outcome } = await start();
    expect(await outcome).toMatchObject({ kind: 'done', metrics: { length: 5 } });
    // an optional input that is not given is none
    expect(await readFile(join(root, 'text.txt'), 'utf8')).toBe('givenhello');
  });

  it('passes on what is written, and how far it is, before it answers', async () => {
    const { outcome, seen } = await start();
    await outcome;
    expect(
      seen.output
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    ).toEqual(['a line', 'another']);
    expect(seen.progress.at(-1)).toBe(2);
  });

  it('has null in place of a metric that is not finite, and all the others', async () => {
    const { outcome, seen } = await start({ deed: 'overflow' });
    expect(await outcome).toMatchObject({ kind: 'done', metrics: { length: 5, text: 'no NaN', a: null, b: null } });
    expect(seen.output).toContain('The metric "b" is not finite: it is kept as null.\n');
  });

  it('says why it failed, and takes the next job', async () => {
    const { outcome, run } = await start({ deed: 'fail' });
    expect(await outcome).toMatchObject({ kind: 'error', message: 'no luck' });
    expect(await run({})).toMatchObject({ kind: 'done' });
  });

  it('that is killed is told as such, and the next job is taken', async () => {
    const { outcome, run } = await start({ deed: 'die' });
    expect(JSON.stringify(await outcome)).toContain('SIGKILL');
    expect(await run({})).toMatchObject({ kind: 'done' });
  });

  it('ends when the run is stopped, and leaves no process behind', async () => {
    const { outcome, executor, says } = await start({ deed: 'wait' });
    await says('waiting');
    const pid = Number(await readFile(join(root, 'text.txt'), 'utf8'));
    await executor.close();
    expect((await outcome).kind).not.toBe('done');
    await expect.poll(() => isRunning(pid), { timeout: 60_000 }).toBe(false);
  });
});

/**
 * A process that has ended and whose exit code nobody has asked for yet counts as gone, as in containers without an
 * init.
 */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

it('a program that babbles is taken at its word where that makes sense, and the rest is its log', async () => {
  const executor = await localExecutor({ jobs: 1 });
  onTestFinished(() => executor.close());
  const progress: object[] = [];
  let output = '';
  const outcome = await execute(
    executor,
    { place: 'A/s0/r0/own', resources: { cpus: 1, gpus: 0 } },
    {
      module: await EXECUTORS['a program'](),
      root,
      params: { deed: 'babble', say: 'hello' },
      inputs: { from: join(root, 'in.txt') },
      gathered: {},
      outputs: { text: join(root, 'text.txt') },
    },
    (event) => {
      if (event.kind === 'progress') progress.push(event.progress);
      else if (event.kind === 'output') output += event.text;
    },
  );
  expect(outcome).toMatchObject({ kind: 'done', metrics: { length: 5 } });
  expect(progress).toEqual(expect.arrayContaining([{ done: 2, total: 2 }]));
  expect(JSON.stringify(progress)).not.toMatch(/null|odd/);
  expect(output).toContain('{"progress": {"done": NaN, "total": 2, "values": {"odd": 1}}}\n');
  expect(output.length).toBeGreaterThan(1_000_000);
});

it('the code of a program that cannot be read is named', async () => {
  const manifest = join(root, 'stages/own.stage.json');
  const declared = { name: 'own', summary: '', command: ['node'], code: ['stages/*.py'], ...DECLARED };
  await writeFile(manifest, JSON.stringify(declared));
  await symlink('nowhere', join(root, 'stages/gone.py'));
  const read = readManifest(manifest, 'own');
  expect(() => programCode(root, manifest, read.manifest, read.source)).toThrow(
    expect.objectContaining({
      failure: expect.objectContaining({ kind: 'file', path: join(root, 'stages/gone.py'), code: 'ENOENT' }) as unknown,
    }),
  );
});
