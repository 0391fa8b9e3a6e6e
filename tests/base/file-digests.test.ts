/** Large files are hashed once as long as they stay as they are. */
import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileDigests } from '../../src/base/file-digests.ts';
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
