/** What changes the fingerprints of code, tried on a copy of this checkout's sources. */
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, posix } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { Checkout } from '../support/checkout.ts';

interface CodeGroups {
  GROUPS: Record<string, { why: string; modules: string[] }>;
}

interface CodeFingerprints {
  stages: Record<string, string>;
  engines: Record<string, string>;
  corpora: Record<string, string>;
  packages: Record<string, Record<string, string>>;
  renderer: string;
}

const { codeFingerprints } = (await import(join(packageRoot, 'build/code-fingerprints.js'))) as {
  codeFingerprints(root: string, declaration: CodeGroups): Promise<CodeFingerprints>;
};
const declared = (await import(join(packageRoot, 'build/code-groups.js'))) as CodeGroups;

let root: string;
let groups: CodeGroups;
let before: CodeFingerprints;
let unchanged: CodeFingerprints;

beforeAll(async () => {
  unchanged = await codeFingerprints(packageRoot, declared);
});

beforeEach(async () => {
  before = unchanged;
  root = await mkdtemp(join(tmpdir(), 'swp-sources-'));
  await execa('cp', ['-R', 'src', 'stages', 'schemas', 'package.json', root], { cwd: packageRoot });
  groups = { ...declared, GROUPS: structuredClone(declared.GROUPS) };
});

afterEach(() => rm(root, { recursive: true }));

const fingerprints = () => codeFingerprints(root, groups);

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(join(root, file), 'utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  await writeFile(join(root, file), changed);
}

const append = (file: string, code: string) => edit(file, (text) => `${text}\n${code}\n`);

async function add(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), text);
}

/** Moves a module, with its own imports and those of it, as an editor does. */
async function move(from: string, to: string): Promise<void> {
  const relative = (file: string, target: string) => {
    const path = posix.relative(posix.dirname(file), target);
    return path.startsWith('.') ? path : `./${path}`;
  };
  const files = [...(await readdir(join(root, 'src'), { recursive: true })).map((file) => `src/${file}`)];
  files.push(...(await readdir(join(root, 'stages'), { recursive: true })).map((file) => `stages/${file}`));
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const path = join(root, file);
    const text = await readFile(path, 'utf8');
    const changed = text.replace(/'(\.{1,2}\/[^']+)'/g, (quoted, specifier: string) => {
      const target = posix.join(posix.dirname(file), specifier);
      if (file === from) return `'${relative(to, target)}'`;
      return target === from ? `'${relative(file, to)}'` : quoted;
    });
    if (changed !== text) await writeFile(path, changed);
  }
  await mkdir(dirname(join(root, to)), { recursive: true });
  await rename(join(root, from), join(root, to));
}

/** Names of the stages and engines whose code counts as another one than before. */
async function changed(): Promise<string[]> {
  const after = await fingerprints();
  return (['stages', 'engines', 'corpora'] as const).flatMap((kind) =>
    Object.keys(after[kind]).filter((name) => after[kind][name] !== before[kind][name]),
  );
}

describe('the fingerprints of code stay', () => {
  test('when modules move and get other names', async () => {
    await move('src/compute/training/learning-rate.ts', 'src/model/schedules/schedule.ts');
    await move('src/model/safetensors.ts', 'src/model/tensor-files/format.ts');
    await move('src/science/pruning.ts', 'src/science/pruning/prune.ts');
    await move('src/compute/runtimes/onnx/viewing-session.ts', 'src/compute/runtimes/onnx/views/session.ts');
    for (const group of Object.values(groups.GROUPS))
      group.modules = group.modules.map((path) =>
        path
          .replace('compute/training/learning-rate.ts', 'model/schedules/schedule.ts')
          .replace('model/safetensors.ts', 'model/tensor-files/format.ts')
          .replace('onnx/viewing-session.ts', 'onnx/views/session.ts'),
      );
    expect(await fingerprints()).toEqual(before);
  });

  test('when only comments, layout, types or the order of imports change', async () => {
    await edit('stages/bodies/train.ts', (text) =>
      text
        .replace(/^\/\*\*[\s\S]*?\*\//, '/** Another comment. */')
        .replace('const session =', 'const   session  =\n /* here */')
        .replace(/^(import \{ learningRateAt.*\n)(import .*\n)/m, '$2$1')
        .replace(
          'const save = async (path: (name: string) => string)',
          'const save = async (path: (n: string) => string)',
        ),
    );
    expect(await fingerprints()).toEqual(before);
  });

  test('when a decoder family is added: what it computes is in the graph', async () => {
    await add('src/model/decoder/another.ts', 'export const another = { build: () => undefined };\n');
    await append('src/model/decoder/families.ts', "export { another } from './another.ts';");
    expect(await changed()).toEqual([]);
  });

  test('when a refusal, an estimate, or the description of a stage or a parameter is put in better words', async () => {
    await append('src/base/failure.ts', "export const word = 'better';");
    await append('src/science/stage-work.ts', "export const word = 'better';");
    await edit('stages/train.ts', (text) => text.replace("summary: '", "summary: 'Better: "));
    await edit('schemas/stages/train.schema.json', (text) =>
      text.replace('"description": "', '"description": "Better: '),
    );
    expect(await changed()).toEqual([]);
  });
});

describe('the fingerprints of code change', () => {
  test('for exactly the stages that reach the changed module', async () => {
    await append('src/compute/training/learning-rate.ts', 'export const changed = 1;');
    expect(await changed()).toEqual(['train']);
  });

  test('for everything that draws random numbers, if the generator changes', async () => {
    await append('src/base/random.ts', 'export const changed = 1;');
    expect(await changed()).toEqual([
      'detect-sw',
      'init',
      'plant-spikes',
      'prune',
      'rewind',
      'tokenize',
      'marker-retrieval',
      'marker-retrieval-no-bos',
      'text',
    ]);
  });

  test('for an engine alone, if what executes its graphs changes', async () => {
    await append('src/compute/runtimes/onnx/viewing-session.ts', 'export const changed = 1;');
    expect(await changed()).toEqual(['onnx']);
  });

  test('for what prunes, and no training, detection or evaluation, if a pruning criterion is added', async () => {
    await append('src/science/pruning-criteria.ts', 'export const another = 1;');
    expect(await changed()).toEqual(['prune', 'rewind']);
  });

  test('for the corpora alone, if what makes their sequences changes', async () => {
    await append('src/model/marker-retrieval.ts', 'export const changed = 1;');
    expect(await changed()).toEqual(['marker-retrieval', 'marker-retrieval-no-bos']);
  });

  test('for a name that is imported from another module, though both modules were there before', async () => {
    const twice =
      "export { twice } from '../../src/science/double.ts'; export { twice as again } from '../../src/science/two.ts';";
    await add('src/science/double.ts', 'export const twice = (x: number) => x + x;\n');
    await add('src/science/two.ts', 'export const twice = (x: number) => 2.5 * x;\n');
    await append('stages/bodies/prune.ts', twice);
    before = await fingerprints();
    await edit('stages/bodies/prune.ts', (text) =>
      text.replace('double.ts', 'other.ts').replace('two.ts', 'double.ts').replace('other.ts', 'two.ts'),
    );
    expect(await changed()).toEqual(['prune']);
  });

  test('with the version of a package that the code imports, which is named', async () => {
    await edit('package.json', (text) =>
      text.replace(/"@stdlib\/stats-padjust": "[^"]+"/, '"@stdlib/stats-padjust": "9.9.9"'),
    );
    expect(await changed()).toEqual(['aggregate']);
    expect((await fingerprints()).packages.aggregate).toMatchObject({ '@stdlib/stats-padjust': '9.9.9' });
  });
});

describe('the build refuses', () => {
  test('a module in no group, and says where to put it', async () => {
    const checkout = await Checkout.create();
    try {
      await checkout.write('src/model/halves.ts', 'export const half = 0.5;\n');
      const evaluate = await readFile(join(checkout.root, 'src/model/evaluate.ts'), 'utf8');
      await checkout.write('src/model/evaluate.ts', `${evaluate}\nexport { half } from './halves.ts';\n`);
      const { stderr, exitCode } = await execa(process.execPath, [join(checkout.root, 'build/build.js')], {
        reject: false,
      });
      expect(stderr).toBe(
        [
          'src/model/halves.ts is in no group of build/code-groups.js, and a stage or a worker reaches it:',
          '  stages/eval.ts',
          '    -> stages/bodies/eval.ts',
          '    -> src/model/evaluate.ts',
          '    -> src/model/halves.ts',
          '  A change in it must change the keys of the results that it can change, and no others.',
          '  Add its path to one of these groups, to `results` when in doubt:',
          ...Object.entries(declared.GROUPS).map(([name, { why }]) => `    ${name.padEnd(10)} ${why}`),
        ].join('\n'),
      );
      expect(exitCode).toBe(1);
    } finally {
      await checkout.remove();
    }
  });

  test('a line whose file is gone, a module in two groups, a folder whose code might not count', async () => {
    await move('src/model/evaluate.ts', 'src/science/evaluate.ts');
    groups.GROUPS.carrier!.modules.push('src/base/random.ts', 'src/doctor/');
    await expect(fingerprints()).rejects.toThrow(
      [
        'src/base/random.ts stands in build/code-groups.js twice, the second time under carrier.',
        '  Keep one of the lines.',
        '',
        'src/model/evaluate.ts is listed under results in build/code-groups.js, and there is no such file.',
        '  Correct the line if the file was moved; remove it if the file is gone.',
        '',
        'src/doctor/ is a whole folder, listed under carrier in build/code-groups.js.',
        '  List its files: only under `results` may a folder stand, since there a new file cannot be missed.',
      ].join('\n'),
    );
  });

  test('code that computes and moves to a place where code does not count', async () => {
    await move('src/science/magnitude.ts', 'src/model/decoder/magnitude.ts');
    await expect(fingerprints()).rejects.toThrow('src/model/decoder/magnitude.ts is in no group');
  });

  test('modules that import each other in a circle', async () => {
    await append('src/science/random-sample.ts', "export { shuffleMasks } from './rewinding.ts';");
    await expect(fingerprints()).rejects.toThrow(
      /^These modules import each other in a circle:\n[\s\S]*src\/science\/random-sample\.ts\n {4}-> src\/science\/rewinding\.ts/,
    );
  });
});

test('every module that is listed in a group is reached by a stage or a worker', async () => {
  const listed = Object.values(groups.GROUPS).flatMap(({ modules }) => modules.filter((path) => !path.endsWith('/')));
  for (const group of Object.values(groups.GROUPS)) group.modules = [];
  const refusal = await fingerprints().catch((error: Error) => error.message);
  for (const path of listed) expect(refusal).toContain(`${path} is in no group`);
});

test('what declares a stage has its body elsewhere, in a module that counts', async () => {
  for (const path of groups.GROUPS.declaration!.modules) {
    const text = await readFile(join(root, path), 'utf8');
    expect(text).toContain(`body: () => import('./bodies/${basename(path)}')`);
    expect(text).not.toMatch(/\brun\b *[(:]/);
  }
});

test("a better generator of the exact engine costs nobody a result: no key's code changes", async () => {
  await append('src/compute/runtimes/exact/wasm/product-kernel.ts', 'export const better = () => 1;');
  await append('src/compute/runtimes/exact/x86/product-kernel.ts', 'export const better = () => 2;');
  await append('src/compute/runtimes/exact/generators.ts', 'export const another = () => 3;');
  expect(await changed()).toEqual([]);
  // What is lowered is in the hash of the program; a change of the stated arithmetic is another version.
  await append('src/compute/runtimes/exact/lowering/products.ts', 'export const other = () => 4;');
  expect(await changed()).toEqual([]);
  await append('src/base/random.ts', 'export const another = () => 5;');
  expect(await changed()).toContain('init');
});
