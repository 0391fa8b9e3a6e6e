/**
 * The package that `npm pack` makes, installed by each npm with its defaults, locally and globally, where no host but
 * the npm registry can be reached. Needs the registry that npm is configured with.
 */
import { chmod, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import type { DoctorFindings } from '../../src/doctor/examine.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { OnlyRegistry } from './only-registry.ts';
import { requireRoot } from './requirements.ts';

/** npm 12 refuses the Node that others run on. */
const PAIRS = [
  { npm: '10', node: undefined },
  { npm: '11', node: '24' },
  { npm: '12', node: '22' },
];
const BOB = 61_002;

let folder: string;
let network: OnlyRegistry;
let tarball: string;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'swp-installed-')));
  await chmod(folder, 0o755);
  const config = async (name: string) => (await execa('npm', ['config', 'get', name], { cwd: folder })).stdout;
  const registry = await config('registry');
  const authorities = await config('cafile');
  // npm's defaults, but for where the registry is and whom to believe that it is.
  const lines = [`registry=${registry}`, ...(authorities === 'null' ? [] : [`cafile=${authorities}`])];
  await writeFile(join(folder, 'npmrc'), `${lines.join('\n')}\n`);
  network = await OnlyRegistry.start(new URL(registry), folder);
  await execa('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: packageRoot });
  tarball = join(
    folder,
    (await readdir(folder)).find((name) => name.endsWith('.tgz'))!,
  );
});
afterAll(async () => {
  await network.stop();
  await rm(folder, { recursive: true });
});

/** Without what the npm that runs the tests tells its scripts. */
function environment(node: string): NodeJS.ProcessEnv {
  return {
    ...Object.fromEntries(
      Object.keys(process.env).map((name) => [
        name,
        /^(npm|swp|vitest|node)_/i.test(name) ? undefined : process.env[name],
      ]),
    ),
    ...network.env,
    PATH: [node, process.env.PATH].join(delimiter),
    npm_config_userconfig: join(folder, 'npmrc'),
    npm_config_cache: join(folder, 'npm-cache'),
  };
}

test('what the tests rely on: another host is refused and noted, asked for through a proxy or not', async () => {
  const ask = "require('node:https').get('https://example.com/').on('error', () => {});";
  await execa(process.execPath, ['--eval', ask], { env: environment('') });
  expect(await network.refused()).toEqual(['example.com:443']);
  await writeFile(join(folder, 'refused.log'), '');
});

describe.each(PAIRS)('npm $npm', ({ npm: version, node: nodeVersion }) => {
  let node = dirname(process.execPath);
  let npmCli: string;

  /** A package that only this test needs. */
  async function fetched(name: string, major: string): Promise<string> {
    const place = join(folder, `${name}-${major}`);
    await mkdir(place);
    await writeFile(join(place, 'package.json'), '{ "private": true }');
    await execa('npm', ['install', '--ignore-scripts', '--silent', `${name}@${major}`], {
      cwd: place,
      env: environment(''),
      extendEnv: false,
    });
    return join(place, 'node_modules', name);
  }

  beforeAll(async () => {
    if (nodeVersion !== undefined)
      node = join(await fetched(`node-${process.platform}-${process.arch}`, nodeVersion), 'bin');
    npmCli = join(await fetched('npm', version), 'bin/npm-cli.js');
  });

  const run = (command: string, args: string[], cwd: string, uid?: number) =>
    execa(command, args, {
      cwd,
      env: { ...environment(node), NO_COLOR: '1', ...(uid !== undefined && { HOME: cwd }) },
      extendEnv: false,
      reject: false,
      ...(uid !== undefined && { uid, gid: uid }),
    });
  const npm = (args: string[], cwd: string) => run(join(node, 'node'), [npmCli, ...args], cwd);

  test('installs it in an empty folder, where the command of either name computes', async () => {
    const place = join(folder, `local-${version}`);
    await mkdir(place);
    const { exitCode, stderr } = await npm(['install', tarball], place);
    expect([exitCode, stderr.match(/^npm error.*/gm)]).toEqual([0, null]);
    await writeFile(join(place, 'pipeline.json'), JSON.stringify(tinyStudy()));
    const repro = await npm(['exec', '--offline', '--', 'super-weight-pruning', 'repro'], place);
    expect([repro.exitCode, repro.stderr.replaceAll(/^npm notice .*\n?/gm, '')]).toEqual([0, '']); // npm 12 tells
    const doctor = await npm(['exec', '--offline', '--', 'swp', 'doctor', '--json'], place);
    const { ok, packages } = JSON.parse(doctor.stdout) as DoctorFindings;
    expect([ok, packages['@tensorflow/tfjs-node-gpu']]).toEqual([true, null]);
    expect(await network.refused()).toEqual([]);
  });

  test('installs it for everybody: another user begins a study and runs it', async () => {
    requireRoot();
    const prefix = join(folder, `global-${version}`);
    const { exitCode, stderr } = await npm(['install', '--global', '--prefix', prefix, tarball], folder);
    expect([exitCode, stderr.match(/^npm error.*/gm)]).toEqual([0, null]);
    const home = await mkdtemp(join(folder, 'bob-'));
    await execa('chown', [String(BOB), home]);
    const begun = await run(join(prefix, 'bin/swp'), ['init', 'study'], home, BOB);
    expect([begun.exitCode, begun.stderr]).toEqual([0, '']);
    const repro = await run(join(prefix, 'bin/swp'), ['repro', '--profile', 'smoke'], join(home, 'study'), BOB);
    expect([repro.exitCode, repro.stderr]).toEqual([0, '']);
    expect(await readdir(join(home, 'study/report/smoke'))).toContain('index.html');
    expect(await network.refused()).toEqual([]);
  });
});
