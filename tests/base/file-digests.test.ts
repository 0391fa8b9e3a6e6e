/** Large files are hashed once as long as they stay as they are. */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileDigests } from '../../src/base/file-digests.ts';
import { stampOf } from '../../src/base/file-stamp.ts';
import { openSealedJson, sealedJson } from '../../src/base/sealed-json.ts';

let folder: string;
let path: string;
const content = Buffer.alloc(17 << 20, 'a');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-digests-'));
  path = join(folder, 'model.safetensors');
  await writeFile(path, content);
  // Its times say that it has been at rest: of the time of the last change only the clock can be turned on.
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

test('by any process of the user, until they change', async () => {
  const notes = join(folder, 'notes');
  const ask = () => new FileDigests(notes).digest(path);
  expect(await ask()).toBe(sha256(content));
  expect(await ask()).toBe(sha256(content));
  expect(await readdir(notes)).toHaveLength(1);
  await appendFile(path, 'b');
  await utimes(path, 0, 0);
  expect(await ask()).toBe(sha256(Buffer.concat([content, Buffer.from('b')])));
});

test('again where the note is damaged, and where none can be kept', async () => {
  const notes = join(folder, 'notes');
  await new FileDigests(notes).digest(path);
  const [note] = await readdir(notes);
  const text = await readFile(join(notes, note!), 'utf8');
  await writeFile(join(notes, note!), text.replaceAll(sha256(content), sha256(Buffer.from(''))));
  expect(await new FileDigests(notes).digest(path)).toBe(sha256(content));
  await writeFile(join(folder, 'no folder'), '');
  expect(await new FileDigests(join(folder, 'no folder')).digest(path)).toBe(sha256(content));
});

test('a note is believed as long as the file has the same stamp', async () => {
  const notes = join(folder, 'notes');
  await new FileDigests(notes).digest(path);
  const [note] = await readdir(notes);
  const found = openSealedJson(await readFile(join(notes, note!), 'utf8'));
  if (found.kind !== 'whole') throw new Error('The note is damaged.');
  const { checksum: _, ...value } = found.value as Record<string, string>;
  await writeFile(join(notes, note!), sealedJson({ ...value, sha256: 'as the note says' }));
  expect(await new FileDigests(notes).digest(path)).toBe('as the note says');
});

test('a file is found by what it holds, as long as it holds that; others say nothing, and neither does damage', async () => {
  const notes = join(folder, 'notes');
  const digests = new FileDigests(notes);
  const [small, twin] = [join(folder, 'small'), join(folder, 'twin')];
  for (const each of [small, twin]) await writeFile(each, 'the same');
  const of = sha256(Buffer.from('the same'));
  for (const each of [small, twin]) await digests.remember(each, of, stampOf(each));
  expect(digests.placesOf(of, 8).sort()).toEqual([small, twin]);
  expect(digests.placesOf(of, 9)).toEqual([]);
  expect(digests.placesOf(sha256(content))).toEqual([]);

  // One that was touched comes last, and one of another size not at all: whoever uses it hashes it.
  await utimes(small, 0, 0);
  expect(digests.placesOf(of, 8)).toEqual([twin, small]);
  await appendFile(twin, '!');
  expect(digests.placesOf(of, 8)).toEqual([small]);
  await rm(small);
  expect([digests.placesOf(of), digests.lastDigest(small)]).toEqual([[twin], of]);

  // A note under another name than its path's is not of this machine; half a note, a folder and a link are none.
  await writeFile(small, 'the same');
  const [name] = (await readdir(notes)).filter((each) => each.endsWith('.json'));
  const text = await readFile(join(notes, name!), 'utf8');
  await writeFile(join(notes, `${'0'.repeat(64)}.json`), text);
  for (const each of await readdir(notes))
    if (!each.startsWith('000')) await writeFile(join(notes, each), text.slice(9));
  await mkdir(join(notes, `${'1'.repeat(64)}.json`));
  await symlink('nowhere', join(notes, `${'2'.repeat(64)}.json`));
  expect([digests.placesOf(of), digests.lastDigest(small)]).toEqual([[], undefined]);
});
