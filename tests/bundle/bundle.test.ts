/** A bundle proves the report's numbers to whoever has only it; whatever was changed in it is found and named. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareWithBundle } from '../../src/bundle/recompute.ts';
import { withBundle, type VerifiedBundle } from '../../src/bundle/verify.ts';
import { packageVersion } from '../../src/base/package-root.ts';
import { digestJson } from '../../src/base/digest.ts';
import type { JsonValue } from '../../src/base/json.ts';
import { recordName } from '../../src/cache/layout.ts';
import { localExecutor, nodeEnvironment } from '../../src/project/local-executor.ts';
import { SwpProject } from '../support/swp-project.ts';
import {
  artifactName,
  fixManifest,
  forgeArtifact,
  json,
  pack,
  put,
  recordOf,
  unpack,
  type Files,
} from './study-bundle.ts';
import { smallestStudy } from '../support/smallest-study.ts';

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-bundles-'));
  bundle = join(folder, 'genuine.tar.gz');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const limits = { limit: 1e9, version: packageVersion(), openExecutor: () => localExecutor({ jobs: 1 }) };
const verify = (file: string): Promise<VerifiedBundle> =>
  withBundle(file, limits, ({ verified }) => Promise.resolve(verified));

test('is the same bytes each time, and verified where there is no study, no cache and no weight', async () => {
  const project = await SwpProject.create(await smallestStudy([0, 1]));
  const early = await project.swp('bundle');
  expect([early.exitCode, early.stderr]).toEqual([
    2,
    'error: There are no results of profile "all" yet.\n  Expected: `swp repro` first.',
  ]);
  expect((await project.swp('repro')).exitCode).toBe(0);
  const bundled = async (...args: string[]) =>
    (await project.swp('bundle', '--json', ...args)).json<{
      file: string;
      id: string;
      bytes: number;
      records: number;
      missing: string[];
    }>()[0]!;
  const whole = await bundled('-o', 'whole.tar.gz');
  expect(whole).toMatchObject({ file: project.path('whole.tar.gz'), records: 21, missing: [] });
  const names = [...(await unpack(project.path('whole.tar.gz'))).keys()];
  expect(names.slice(1)).toEqual(names.slice(1).sort());
  expect(names).toEqual(
    expect.arrayContaining([
      'manifest.json',
      'pipeline.json',
      'package-lock.json',
      'environment.json',
      'report/index.html',
    ]),
  );
  expect(names.filter((name) => name.includes('weights'))).toEqual([]);

  // Without files of figures, whose pictures the pages hold.
  const written = await bundled('--no-figures', '-o', 'one.tar.gz');
  await bundled('--no-figures', '-o', 'two.tar.gz');
  const [one, two] = await Promise.all(['one.tar.gz', 'two.tar.gz'].map((name) => readFile(project.path(name))));
  expect(createHash('sha256').update(one!).digest('hex')).toBe(createHash('sha256').update(two!).digest('hex'));
  await copyFile(project.path('one.tar.gz'), bundle);
  expect(written.bytes).toBeLessThan(0.8 * whole.bytes);
  expect((await project.swp('report', '--no-figures', '-o', 'pages')).exitCode).toBe(0);
  const files = await readdir(project.path('pages'));
  expect(files).toContain('1-survival.html');
  expect(files).not.toContain('figures');
  for (const name of files.filter((each) => each.endsWith('.html')))
    expect(await project.read(`pages/${name}`)).not.toContain('href="figures/');

  // Masks are kept for ever, weights are not.
  const weighty = await bundled('--no-figures', '--weights', '-o', 'weights.tar.gz');
  expect(weighty.bytes).toBeGreaterThan(2 * written.bytes);

  // Without masks, everything but what follows from them can be verified.
  const unmasked = await bundled('--no-figures', '--no-masks', '-o', 'unmasked.tar.gz');
  expect(unmasked.bytes).toBeLessThan(written.bytes);
  const entries = await unpack(unmasked.file);
  const tensors = [...entries].flatMap(([name, body]) =>
    name.endsWith('.safetensors') ? [body.toString('latin1')] : [],
  );
  expect(tensors.filter((text) => text.includes('down_proj'))).toEqual([]);
  const { stdout: verdict, exitCode } = await project.swp('bundle', 'verify', 'unmasked.tar.gz');
  expect(exitCode).toBe(0);
  expect(verdict).toMatch(
    /aggregate run again on \d+ bundled artifacts: the same results, bit for bit, but for what follows from masks, which it is without/,
  );
  expect(verdict).toContain('Everything holds but what follows from masks, which are not in it');
  const { exitCode: refused, stderr } = await project.swp('bundle', '--weights', '--no-masks');
  expect([refused, stderr]).toEqual([2, expect.stringContaining('Expected: --weights or --no-masks, not both')]);

  // By its name it is Brotli: smaller, the same files, and replaced only by its like.
  const small = await bundled('--no-figures', '-o', 'one.tar.br');
  expect(small.id).toBe(written.id);
  expect(small.bytes).toBeLessThan(0.9 * written.bytes);
  expect((await project.swp('bundle', '--no-figures', '-o', 'one.tar.br')).exitCode).toBe(0);
  await project.write('notes.br', 'my own notes');
  expect((await project.swp('bundle', '-o', 'notes.br')).stderr).toContain(
    '--output "notes.br" is there and is no bundle: it is not replaced.',
  );
  expect((await project.swp('bundle', 'verify', 'one.tar.br', '--id', written.id)).exitCode).toBe(0);

  // Unpacked, it is a cache: the study goes on from it, elsewhere.
  const moved = await SwpProject.create(await smallestStudy([0, 1]));
  for (const [name, content] of await unpack(bundle)) {
    await mkdir(dirname(moved.path('cache', name)), { recursive: true });
    await writeFile(moved.path('cache', name), content);
  }
  expect((await moved.swp('repro')).stdout).toContain('21 nodes: 21 cached, 0 ran');

  const elsewhere = await SwpProject.create({});
  const good = await elsewhere.swp('bundle', 'verify', whole.file, '--id', whole.id.slice(0, 12));
  expect(good.stderr).toBe('');
  expect(good.exitCode).toBe(0);
  expect(good.stdout).toContain('21 records: keys re-derived from their pre-images');
  expect(good.stdout).toMatch(/aggregate run again on \d+ bundled artifacts: the same results, bit for bit/);
  expect(good.stdout).toMatch(/\d+ files of the report rendered again from the results: the same bytes/);
  expect(good.stdout).toContain("Everything holds: the report's numbers follow from the bundled records.");
  const other = await elsewhere.swp('bundle', 'verify', bundle, '--id', '0'.repeat(64), '--json');
  expect(other.exitCode).toBe(1);
  expect(other.json<{ ok: boolean; findings: object[] }>()[0]).toMatchObject({
    ok: false,
    findings: [{ check: 'files', where: 'manifest.json' }],
  });

  const again = await elsewhere.swp('bundle', 'verify', bundle, '--recompute', 'step=prune', 'seed=0', '--json');
  expect(again.json<{ ok: boolean; recomputed: { place: string; verdict: string }[] }>()[0]).toMatchObject({
    ok: true,
    recomputed: expect.arrayContaining([
      { place: 'A1/s0/r1/prune', verdict: 'same' },
      { place: 'A1/s0/r1/train', verdict: 'same' },
    ]) as unknown,
  });

  // A cache in which no result can be kept: what fails when it is computed again does not hold.
  await mkdir(elsewhere.path('broken'));
  await writeFile(elsewhere.path('broken/version'), '1\n');
  await symlink('artifacts', elsewhere.path('broken/artifacts')); // leads to itself
  const selected = ['--recompute', 'step=prune', 'seed=0', '--cache', 'broken', '--json'];
  const failed = await elsewhere.swp('bundle', 'verify', bundle, ...selected);
  expect(failed.exitCode).toBe(1);
  expect(failed.json<{ ok: boolean; recomputed: object[] }>()[0]).toMatchObject({
    ok: false,
    recomputed: [{ place: 'A1/s0/r1/prune', verdict: 'missing' }],
  });
}, 600_000);

describe('names what was changed', () => {
  const forged = async (name: string, change: (files: Files) => void, { manifest = true } = {}) => {
    const files = await unpack(bundle);
    change(files);
    if (manifest) fixManifest(files);
    return verify(await pack(join(folder, `${name}.tar.gz`), files));
  };
  const lower = (text: string) =>
    text.replace(/"perplexity":(\d+\.\d+)/, (_, perplexity: string) => `"perplexity":${Number(perplexity) - 0.25}`);

  test('without the manifest knowing: any file', async () => {
    const files = await unpack(bundle);
    const [artifact] = [...files.keys()].filter((name) => name.startsWith('artifacts/'));
    for (const name of [artifact!, recordOf(files, 'A1/s0/r1/train').name, 'report/index.html', 'pipeline.json']) {
      const { findings } = await forged(
        'naive',
        (changed) => {
          const body = Buffer.from(changed.get(name)!);
          body[body.length - 3]! ^= 1;
          changed.set(name, body);
        },
        { manifest: false },
      );
      expect(findings).toContainEqual(
        expect.objectContaining({
          check: 'files',
          where: name,
          message: expect.stringMatching(/^its SHA-256 is [0-9a-f]{64}; the manifest says/) as unknown,
        }),
      );
    }
    const { findings } = await forged('gone', (changed) => void changed.delete(artifact!), { manifest: false });
    expect(findings).toContainEqual({
      check: 'files',
      where: artifact,
      message: 'the manifest names it, and it is not there',
    });
  });

  test('nothing, if it does not say where it was made: its report is compared as that of another platform', async () => {
    const { findings, said } = await forged('nowhere', (files) => void files.delete('environment.json'));
    expect(findings).toEqual([]);
    expect(said.join('\n')).toMatch(/\d+ files of the report rendered again/);
  });

  test('a number of the report, by its line', async () => {
    const page = await forged('page', (files) =>
      put(
        files,
        'report/index.html',
        files
          .get('report/index.html')!
          .toString('utf8')
          .replace(/(\d+\.\d\d)/, '11.11'),
      ),
    );
    expect(page.findings).toEqual([
      {
        check: 'report',
        where: 'report/index.html',
        message: expect.stringMatching(/^line \d+ says ".*11\.11.*"; the results give "/) as unknown,
      },
    ]);
    const table = await forged('table', (files) =>
      put(
        files,
        'report/runs.csv',
        files
          .get('report/runs.csv')!
          .toString('utf8')
          .replace(/(\d)\.(\d)/, '9.$2'),
      ),
    );
    expect(table.findings.map(({ where }) => where)).toEqual(['report/runs.csv']);
  });

  test('a number of an artifact, however far the forger goes', async () => {
    const place = 'A1/s0/r1/eval-trained';
    const inPlace = await forged('artifact', (files) => {
      const { sha256 } = recordOf(files, place).record.artifacts.evaluation!;
      const name = `artifacts/${sha256.slice(0, 2)}/${sha256}.json`;
      put(files, name, lower(files.get(name)!.toString('utf8')));
    });
    expect(inPlace.findings).toContainEqual(
      expect.objectContaining({
        check: 'files',
        where: expect.stringMatching(/^artifacts\//) as unknown,
        message: expect.stringContaining('and not its name') as unknown,
      }),
    );

    const renamed = await forged('renamed', (files) => void forgeArtifact(files, place, 'evaluation', lower));
    expect(renamed.findings).toContainEqual(
      expect.objectContaining({
        check: 'lineage',
        where: '*/s0/r0/aggregate',
        message: expect.stringContaining(`its input "evaluations of ${place}" was`) as unknown,
      }),
    );
    expect(renamed.findings).toContainEqual(
      expect.objectContaining({
        check: 'records',
        where: place,
        message: expect.stringMatching(
          /^its metric "perplexity" is [\d.]+; its artifact "evaluation" says [\d.]+$/,
        ) as unknown,
      }),
    );

    const followed = (rehash: boolean) => (files: Files) => {
      const { before, after } = forgeArtifact(files, place, 'evaluation', lower);
      const measured = recordOf(files, place);
      const { perplexity } = JSON.parse(
        files.get(`artifacts/${after.slice(0, 2)}/${after}.json`)!.toString('utf8'),
      ) as { perplexity: number };
      put(files, measured.name, { ...measured.record, metrics: { ...measured.record.metrics, perplexity } });
      const { name, record } = recordOf(files, '*/s0/r0/aggregate');
      const changed = JSON.parse(JSON.stringify(record).replaceAll(before, after)) as typeof record;
      put(
        files,
        name,
        rehash ? { ...changed, contentKey: digestJson(changed.contentPreimage as unknown as JsonValue) } : changed,
      );
    };
    expect((await forged('followed', followed(false))).findings).toContainEqual(
      expect.objectContaining({
        check: 'records',
        message: 'its content key is not the hash of its content pre-image',
      }),
    );
    const { findings } = await forged('rehashed', followed(true));
    expect(findings).toEqual([
      {
        check: 'results',
        where: 'results.json',
        message: expect.stringMatching(
          /^aggregate makes other results of the bundled artifacts: .*perplexity.* is [\d.]+ in the bundle and [\d.]+ here/,
        ) as unknown,
      },
    ]);
  });

  test('a number of the results', async () => {
    const { findings } = await forged('results', (files) => {
      const { after } = forgeArtifact(files, '*/s0/r0/aggregate', 'results', lower);
      files.set('report/results.json', files.get(`artifacts/${after.slice(0, 2)}/${after}.json`)!);
    });
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'results', message: expect.stringContaining('perplexity') as unknown }),
    );
    // the pages say the true ones still
    expect(findings.some(({ check, where }) => check === 'report' && where !== 'report/results.json')).toBe(true);
  });

  test('whatever does not follow from masks, in a bundle without them', async () => {
    const unmasked = async (change: (text: string) => string) => {
      const { findings } = await forged('unmasked', (files) => {
        put(files, 'manifest.json', { ...json<object>(files, 'manifest.json'), masks: false });
        for (const place of Object.keys(json<{ places: object }>(files, 'manifest.json').places)) {
          const { mask } = recordOf(files, place).record.artifacts;
          if (mask !== undefined) files.delete(artifactName(mask.sha256).replace(/json$/, 'safetensors'));
        }
        for (const name of [...files.keys()].filter((each) => each.startsWith('report/'))) files.delete(name);
        forgeArtifact(files, '*/s0/r0/aggregate', 'results', change);
      });
      return findings.map(({ check }) => check);
    };
    expect(await unmasked((text) => text)).toEqual([]);
    const lies: ((text: string) => string)[] = [
      lower,
      (text) => text.replace(':null', ':0'),
      (text) => text.replace(':null', ':1e999'),
      (text) => text.replace('"masks":', '"masks[0]":[1],"masks":'),
      (text) => ` ${text}`,
      () => 'no json',
    ];
    for (const lie of lies) expect(await unmasked(lie), lie.toString()).toEqual(['results']);
    const { findings } = await forged('masked', (files) =>
      put(files, 'manifest.json', { ...json<object>(files, 'manifest.json'), masks: false }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('is in a bundle without masks') as unknown }),
    );
  });

  test('a record: its parameters, its metrics, its place', async () => {
    const params = await forged('params', (files) => {
      const { name, record } = recordOf(files, 'A1/s0/r1/prune');
      for (const preimage of [record.preimage, record.contentPreimage])
        (preimage.params as Record<string, unknown>).fraction = 0.2;
      put(files, name, record);
    });
    expect(params.findings).toContainEqual(
      expect.objectContaining({
        check: 'records',
        where: recordOf(await unpack(bundle), 'A1/s0/r1/prune').name,
        message: expect.stringMatching(/^its key is not the hash of its pre-image/) as unknown,
      }),
    );

    const metrics = await forged('metrics', (files) => {
      for (const [place, changed] of Object.entries({
        'A1/s0/r1/eval-trained': { perplexity: 3 },
        'A1/s0/r1/detect-trained': { confirmed: 77 },
        'A1/s0/r1/train': { cumulativeStep: 1e6 },
      })) {
        const { name, record } = recordOf(files, place);
        put(files, name, { ...record, metrics: { ...record.metrics, ...changed } });
      }
    });
    const problems = metrics.findings.map(({ where, message }) => [where, message]);
    expect(problems.sort()).toEqual([
      [
        'A1/s0/r1/detect-trained',
        expect.stringMatching(/^its metric "confirmed" is 77; its artifact "superWeights" says \d$/),
      ],
      [
        'A1/s0/r1/eval-trained',
        expect.stringMatching(/^its metric "perplexity" is 3; its artifact "evaluation" says [\d.]+$/),
      ],
      [
        'A1/s0/r1/train',
        expect.stringMatching(/^its metric "cumulativeStep" is 1000000; its artifact "curve" says \d+$/),
      ],
    ]);

    const swapped = await forged('swapped', (files) => {
      const manifest = json<{ places: Record<string, string> }>(files, 'manifest.json');
      const [a, b] = ['A1/s0/r1/eval-trained', 'A1/s1/r1/eval-trained'] as const;
      [manifest.places[a], manifest.places[b]] = [manifest.places[b]!, manifest.places[a]!];
      put(files, 'manifest.json', manifest);
    });
    expect(swapped.findings).toContainEqual(
      expect.objectContaining({
        check: 'lineage',
        message: expect.stringContaining('it gathers "evaluations" of A1/s0/r1/eval-trained from') as unknown,
      }),
    );
  });

  test('nothing, where another version wrote a study and results that this one does not read', async () => {
    const unread = (files: Files, renderer: object) => {
      put(files, 'pipeline.json', '{}');
      put(files, 'manifest.json', { ...json<object>(files, 'manifest.json'), ...renderer });
      const { after } = forgeArtifact(files, '*/s0/r0/aggregate', 'results', (text) =>
        text.replace(/"version":\d+/, '"version":1'),
      );
      files.set('report/results.json', files.get(`artifacts/${after.slice(0, 2)}/${after}.json`)!);
    };
    const older = await forged('older', (files) => unread(files, { renderer: '0'.repeat(64) }));
    expect(older.findings.filter(({ check }) => check !== 'results')).toEqual([]);
    expect(older.unchecked).toEqual(['study', 'report']);
    expect(older.said.join('\n')).toMatch(/pipeline\.json cannot be planned by this version of swp: "name" is missing/);
    expect(older.said.join('\n')).toMatch(/the report was not rendered again: this version of swp does not read/);
    const own = await forged('own', (files) => unread(files, {}));
    expect(own.findings.map(({ check }) => check)).toEqual(['study', 'results', 'report']);
  });

  test('the study: what it asks for is not what was done', async () => {
    const { findings } = await forged('study', (files) =>
      put(
        files,
        'pipeline.json',
        files.get('pipeline.json')!.toString('utf8').replace('"fraction": 0.1', '"fraction": 0.3'),
      ),
    );
    expect(findings).toContainEqual({
      check: 'study',
      where: 'A1/s0/r1/prune',
      message: 'pipeline.json asks for fraction 0.3; its record has 0.1',
    });
  });

  test('the study: results that were gathered without what it gathers', async () => {
    const { findings } = await forged('narrower', (files) => {
      const { name, record } = recordOf(files, '*/s0/r0/aggregate');
      const without = JSON.parse(JSON.stringify(record)) as typeof record & {
        preimage: { gathers: Record<string, unknown> };
      };
      delete without.preimage.gathers['sequenceLosses'];
      delete without.contentPreimage.gathers['sequenceLosses'];
      const key = digestJson(without.preimage as unknown as JsonValue);
      const contentKey = digestJson(without.contentPreimage as unknown as JsonValue);
      files.delete(name);
      put(files, recordName(key), { ...without, key, contentKey });
      const manifest = json<{ places: Record<string, string> }>(files, 'manifest.json');
      put(files, 'manifest.json', {
        ...manifest,
        results: key,
        places: { ...manifest.places, '*/s0/r0/aggregate': key },
      });
    });
    expect(findings).toContainEqual({
      check: 'study',
      where: '*/s0/r0/aggregate',
      message: expect.stringContaining('pipeline.json asks for gathered sequenceLosses[0] "A1/s0/r') as unknown,
    });
  });

  test('what was invented, by computing it again: every artifact by how far it is', async () => {
    const files = await unpack(bundle);
    await withBundle(bundle, limits, async (open) => {
      const made = new Map(
        Object.entries(open.verified.manifest.places).map(([place, key]) => [place, open.records.get(key)!]),
      );
      forgeArtifact(files, 'A1/s0/r1/eval-trained', 'evaluation', lower);
      fixManifest(files);
      await withBundle(await pack(join(folder, 'invented.tar.gz'), files), limits, async (invented) => {
        const places = await compareWithBundle(invented, made, open.cache, await nodeEnvironment(folder), 1e-4);
        expect(places.filter(({ verdict }) => verdict !== 'same')).toEqual([
          {
            place: 'A1/s0/r1/eval-trained',
            verdict: 'different',
            detail: expect.stringMatching(/^evaluation: largest relative difference \d\.\de-[12]$/) as unknown,
          },
        ]);
      });
    });
  });
});
