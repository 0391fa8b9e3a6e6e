/**
 * Archives that anybody may have made: refused with one clear message, and nothing is written outside of the folder.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { packTar, type TarEntry } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { unpackBundle } from '../../src/bundle/archive-reader.ts';
import { isSafeName, manifestText, type Manifest } from '../../src/bundle/manifest.ts';
import { failureText } from '../../src/cli/failure-text.ts';
import { SwpError } from '../../src/base/failure.ts';
import pc from 'picocolors';
import { SwpProject } from '../support/swp-project.ts';

let outside: string;
beforeEach(async () => void (outside = await mkdtemp(join(tmpdir(), 'swp-hostile-'))));
afterEach(() => rm(outside, { recursive: true, force: true }));

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const entry = (name: string, body: string, more: Partial<TarEntry['header']> = {}): TarEntry => ({
  header: { name, size: Buffer.byteLength(body), mtime: new Date(0), ...more },
  body,
});
function manifest(files: Record<string, string | { sha256: string; bytes: number }>): TarEntry {
  const listed = Object.entries(files).map(([name, body]) => [
    name,
    typeof body === 'string' ? { sha256: digest(body), bytes: Buffer.byteLength(body) } : body,
  ]);
  const value: Manifest = {
    format: 'swp-bundle',
    version: 1,
    study: { name: 's', profile: 'all', overrides: {} },
    results: null,
    weights: false,
    swp: '0',
    renderer: '',
    places: {},
    missing: {},
    files: Object.fromEntries(listed) as Manifest['files'],
  };
  return entry('manifest.json', manifestText(value));
}

async function unpack(archive: Uint8Array, { limit = 1e6, name = 'bundle.tar.gz' } = {}): Promise<string[]> {
  const folder = join(outside, 'inside');
  for (const earlier of await readdir(outside)) await rm(join(outside, earlier), { recursive: true });
  await mkdir(folder);
  const file = join(outside, name);
  await writeFile(file, archive);
  try {
    await unpackBundle(file, folder, limit);
  } finally {
    expect((await readdir(outside)).sort()).toEqual([name, 'inside']);
  }
  return (await readdir(folder, { recursive: true })).sort();
}
const archive = async (...entries: TarEntry[]) => gzipSync(await packTar(entries));
const asBrotli = { name: 'bundle.tar.br' };
const brotli = (bytes: Uint8Array | string) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing was refused',
    (error: unknown) => {
      if (!(error instanceof SwpError)) throw error;
      return failureText(error.failure, pc.createColors(false))
        .split('\n')[0]!
        .replace(/^error: .*?bundle\.tar\.(gz|br): /, '');
    },
  );

describe('a hostile archive is refused', () => {
  test('if it would write anywhere else', async () => {
    for (const name of [
      '../evil',
      '/etc/evil',
      'a/../../evil',
      'a\\..\\evil',
      'C:evil',
      'a//b',
      './a',
      'a/.',
      'nul\u0000',
      'a\nb',
      'dot.',
      '',
    ]) {
      expect(isSafeName(name)).toBe(false);
      expect(await refusal(unpack(await archive(manifest({ [name]: 'x' }), entry(name || 'x', 'x'))))).toMatch(
        /^manifest\.json(: .*|(?: names a file that must not be written: ).*)\.?$/,
      );
    }
    expect(isSafeName('artifacts/ab/ab12.safetensors')).toBe(true);
    expect(isSafeName('stages/..hidden/my file.mjs')).toBe(true);
    expect(await refusal(unpack(await archive(manifest({ a: 'x' }), entry('../evil', 'x'))))).toBe(
      'It holds "../evil", which manifest.json does not name.',
    );
  });

  test('if it holds links, folders or devices', async () => {
    for (const type of ['symlink', 'link', 'directory', 'character-device', 'block-device', 'fifo'] as const)
      expect(
        await refusal(
          unpack(await archive(manifest({ a: '' }), { header: { name: 'a', size: 0, type, linkname: '/etc/passwd' } })),
        ),
      ).toBe(`"a" is a ${type}: a bundle holds regular files only.`);
    expect(
      await refusal(
        unpack(await archive({ header: { name: 'manifest.json', size: 0, type: 'symlink', linkname: '/etc/passwd' } })),
      ),
    ).toBe('"manifest.json" is a symlink: a bundle holds regular files only.');
  });

  test('if it holds more, less or larger than its manifest says', async () => {
    expect(await refusal(unpack(await archive(entry('a', 'x'), manifest({ a: 'x' }))))).toBe(
      'It begins with "a" instead of manifest.json.',
    );
    expect(await refusal(unpack(await archive(manifest({ a: 'x' }), entry('a', 'x'), entry('a', 'x'))))).toBe(
      'It holds "a" twice.',
    );
    expect(await refusal(unpack(await archive(manifest({ a: 'x' }), entry('a', 'xy'))))).toBe(
      '"a" has 2 bytes; manifest.json says 1.',
    );
    expect(await refusal(unpack(await archive(manifest({ a: 'x', A: 'x' }), entry('a', 'x'))))).toBe(
      'manifest.json names "a" twice.',
    );
    expect(await refusal(unpack(await archive(manifest({ a: { sha256: digest(''), bytes: 1e15 } }))))).toBe(
      'Its files take 1000000000000000 bytes, more than the 1000000 that are allowed; --max-size allows more.',
    );
    expect(await refusal(unpack(await archive(entry('manifest.json', '{}'))))).toMatch(
      /^manifest\.json: it must have required property/,
    );
    expect(await refusal(unpack(await archive(entry('manifest.json', '['))))).toMatch(/^manifest\.json is no JSON/);
    expect(await refusal(unpack(await archive()))).toBe('It is empty.');
  });

  test('if it swells', async () => {
    // 200 MB of zeros behind the end of the archive, in 1 MB.
    const tar = await packTar([manifest({ a: 'x' }), entry('a', 'x')]);
    const bomb = Buffer.concat([tar, Buffer.alloc(200 << 20)]);
    expect(await refusal(unpack(gzipSync(bomb, { level: 1 })))).toMatch(
      /^It (unpacks to more than manifest\.json says|is no tar archive, or damaged: .*)\.$/,
    );
    expect(await refusal(unpack(brotli(bomb), asBrotli))).toMatch(
      /^It (unpacks to more than manifest\.json says|is no tar archive, or damaged: .*)\.$/,
    );
  });

  test('if it is no archive at all', async () => {
    for (const content of [
      Buffer.alloc(0),
      randomBytes(5000),
      Buffer.from('hello'),
      gzipSync('hello'),
      gzipSync(randomBytes(5000)),
      (await archive(manifest({ a: 'x' }), entry('a', 'x'))).subarray(0, 120),
    ])
      expect(await refusal(unpack(content))).toMatch(
        /^It is (no gzip archive, or damaged: .+|no tar archive, or damaged: .+|empty)\.$/,
      );
    const whole = brotli(await packTar([manifest({ a: 'x' }), entry('a', 'x')]));
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      brotli('hello'),
      brotli(randomBytes(5000)),
      whole.subarray(0, 120),
      await archive(manifest({ a: 'x' }), entry('a', 'x')),
    ])
      expect(await refusal(unpack(content, asBrotli))).toMatch(
        /^It is (no Brotli archive, or damaged: .+|no tar archive, or damaged: .+|empty)\.$/,
      );
  });

  test('on the command line, with one message', async () => {
    const project = await SwpProject.create({});
    await writeFile(project.path('evil.tar.gz'), await archive(manifest({ '../evil': 'x' }), entry('../evil', 'x')));
    const { exitCode, stdout, stderr } = await project.swp('bundle', 'verify', 'evil.tar.gz');
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toBe(
      `error: ${project.path('evil.tar.gz')}: manifest.json names a file that must not be written: "../evil".\n  It was not unpacked. A bundle is what \`swp bundle\` writes; fetch it again from where it came from.`,
    );
    expect((await project.swp('bundle', 'verify', 'nowhere.tar.gz')).stderr).toContain('Cannot read');
    expect((await project.swp('bundle', 'verify', '.')).stderr).toContain('it is a folder');
  });
});

test('any damage to an archive is told by its hashes or refused, and nothing else happens', async () => {
  const bodies = { 'artifacts/ab/x.json': 'x'.repeat(700), 'pipeline.json': '{}', 'report/index.html': '<html>' };
  const tar = await packTar([manifest(bodies), ...Object.entries(bodies).map(([name, body]) => entry(name, body))]);
  const place = fc.nat(tar.length - 1);
  const change = fc.oneof(
    fc.record({ at: place, byte: fc.nat(255) }).map(({ at, byte }) => (bytes: Buffer) => {
      bytes[at] = byte;
      return bytes;
    }),
    fc.record({ at: place, length: fc.nat(600) }).map(
      ({ at, length }) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
    ),
    fc.record({ at: place, from: place, length: fc.nat(600) }).map(
      ({ at, from, length }) =>
        (bytes: Buffer) =>
          Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + length), bytes.subarray(at)]),
    ),
    fc
      .record({ at: place, text: fc.constantFrom('../', '5', '2', 'x', 'L', '\u0000', '99999999999') })
      .map(({ at, text }) => (bytes: Buffer) => {
        bytes.write(text, Math.min(at, Math.max(0, bytes.length - 1)), 'latin1');
        return bytes;
      }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      let bytes = Buffer.from(tar);
      for (const apply of changes) bytes = apply(bytes) as Buffer<ArrayBuffer>;
      const told = await refusal(
        unpack(gzipSync(bytes, { level: 1 })).then((names) =>
          expect(
            names
              .filter((name) => name.endsWith('.json') || name.endsWith('.html'))
              .every((name) => Object.hasOwn(bodies, name)),
          ).toBe(true),
        ),
      );
      expect(told.split('\n')).toHaveLength(1);
    }),
    { numRuns: 150 },
  );
}, 120_000);
