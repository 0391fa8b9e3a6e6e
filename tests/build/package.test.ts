/** What `npm pack` puts into the package. tests/real/package.test.ts installs it. */
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { installedBuild, readFingerprints } from '../../src/base/installed-build.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { readPage, targetOf } from '../docs/pages.ts';

const BUILD = basename(installedBuild);
const ONNX_RUNTIME = readFingerprints().onnxRuntime;
/** What npm reads to choose files. */
const READ_BY_NPM = ['package.json', 'dist/.npmignore'];

/** Left by a run, an older build, an installation, or needed only by who works on swp. */
const STALE = [
  'dist/build-0123456789abcdef/main.js',
  'dist/fresh-abc/main.js',
  'dist/docs/main.js',
  'dist/onnxruntime-node-0.0.1/package.json',
  `dist/${ONNX_RUNTIME}/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so`,
  `dist/${ONNX_RUNTIME}/.install-abc/script/install.js`,
  'docs/measured/more.json',
  'examples/own-stage/cache/records/a.json',
  'models/marker-retrieval/report/pilot/index.html',
  'studies/detector/cache/records/a.json',
];

let packed: string[];

beforeAll(async () => {
  const copy = await mkdtemp(join(tmpdir(), 'swp-package-'));
  try {
    const parts = [
      ...['bin', 'docs', 'examples', 'models', 'schemas', 'src', 'studies', 'templates', 'tests', 'README.md'],
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'package.json', 'pipeline.json'],
      ...['dist/.npmignore', 'dist/index.js', 'dist/index.d.ts', 'dist/current.json', `dist/${BUILD}`],
      `dist/${ONNX_RUNTIME}`,
    ];
    const files = (await Promise.all(parts.map(filesOf))).flat();
    // All others are empty: npm compresses everything before it says what it would pack.
    for (const file of [...STALE, ...files]) {
      await mkdir(dirname(join(copy, file)), { recursive: true });
      if (READ_BY_NPM.includes(file)) await copyFile(join(packageRoot, file), join(copy, file));
      else await writeFile(join(copy, file), '');
    }
    const { stdout } = await execa('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: copy });
    const [said] = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>);
    packed = said!.files.map(({ path }) => path);
  } finally {
    await rm(copy, { recursive: true });
  }
});

/** A file of the checkout, or all files of a folder. */
async function filesOf(path: string): Promise<string[]> {
  const isFolder = (await stat(join(packageRoot, path))).isDirectory();
  return isFolder ? under(path) : [path];
}

async function under(folder: string): Promise<string[]> {
  const entries = await readdir(join(packageRoot, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(packageRoot.length + 1));
}

test('has everything that swp reads when it runs', async () => {
  const expected = [
    ...['package.json', 'bin/swp.js', 'dist/current.json', 'pipeline.json'],
    ...(await under(`dist/${BUILD}`)),
    ...(await under('schemas')),
    ...(await under('templates')),
    ...(await under('models')).filter((file) => /\/(config\.json|seed-\d+\.safetensors)$/.test(file)),
    ...['linux/x64/libonnxruntime.so.1', 'linux/arm64/libonnxruntime.so.1', 'darwin/arm64/libonnxruntime.1.dylib'].map(
      (library) => `dist/${ONNX_RUNTIME}/bin/napi-v6/${library}`,
    ),
    `dist/${ONNX_RUNTIME}/LICENSE`,
  ];
  expect(expected.filter((file) => !packed.includes(file))).toEqual([]);
});

test('has the pages and pictures that its README links to', () => {
  const page = readPage('README.md');
  const links = page.prose
    .flatMap(({ line }) => [...line.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!))
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => targetOf(page, link).path);
  expect(links.filter((path) => !packed.some((file) => file === path || file.startsWith(`${path}/`)))).toEqual([]);
});

test('has nothing that an older build, a run, an installation or work on swp left', () => {
  expect(STALE.filter((file) => packed.includes(file))).toEqual([]);
  expect(
    packed.filter((file) => /^(src|tests|build|bench|docs\/measured)\/|\.map$|^models\/[^/]+$/.test(file)),
  ).toEqual([]);
});

test('works without install scripts: of the packages that come with it, only koffi has one, and needs none', async () => {
  interface Locked {
    dev?: boolean;
    hasInstallScript?: boolean;
  }
  const { packages } = JSON.parse(await readFile(join(packageRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  const withScript = Object.entries(packages).filter(([path, { dev, hasInstallScript }]) => {
    return path !== '' && dev !== true && hasInstallScript === true;
  });
  expect(withScript.map(([path]) => path)).toEqual(['node_modules/koffi']);
  const { scripts } = JSON.parse(await readFile(join(packageRoot, `dist/${ONNX_RUNTIME}/package.json`), 'utf8')) as {
    scripts?: unknown;
  };
  expect(scripts).toBeUndefined();
});

test('that was packed before swp was built says how to pack it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swp-package-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(join(packageRoot, 'bin'), join(folder, 'bin'), { recursive: true });
  await cp(join(packageRoot, 'package.json'), join(folder, 'package.json'));
  const { stderr, exitCode } = await execa(process.execPath, [join(folder, 'bin/swp.js'), 'repro'], { reject: false });
  expect([stderr, exitCode]).toEqual([
    'swp: this package was packed before swp was built. Pack it again, in the checkout: npm ci && npm run pack',
    70,
  ]);
});
