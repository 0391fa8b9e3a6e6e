/**
 * Hostile and broken files, thousands of cases, others each time: whatever pipeline.json, a record, an artifact or a
 * study's memory holds, nothing but a failure that names the place comes of it, and nothing is written outside of the
 * cache.
 */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAcceptances } from '../../src/cache/accepted-code.ts';
import { Cache } from '../../src/cache/cache.ts';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { parseStoredRecord } from '../../src/cache/record.ts';
import { readHistory } from '../../src/cache/run-history.ts';
import { StudyState } from '../../src/cache/study-state.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { sealedJson } from '../../src/base/sealed-json.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { expandRun } from '../../src/pipeline/expand.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import { writtenOutStudy } from '../support/written-out.ts';

let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-fuzz-'));
  text = JSON.stringify(await writtenOutStudy(), null, 2);
});
afterAll(() => rm(folder, { recursive: true }));

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    0.5,
    1e308,
    -0,
    2 ** 53,
    '',
    '__proto__',
    'constructor',
    '../../etc/passwd',
    '\u0000',
    '\u001b[31m',
    '🦊'.repeat(40),
    [],
    {},
    [[]],
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
const surgery = fc.array(
  fc.record({ at: fc.nat(), deed: fc.constantFrom('replace', 'delete', 'rename', 'wrap', 'double'), value: strange }),
  { minLength: 1, maxLength: 4 },
);

/** Changes some places of a JSON value. */
function operate(value: unknown, steps: { at: number; deed: string; value: unknown }[]): unknown {
  const copy = JSON.parse(JSON.stringify(value)) as unknown;
  for (const step of steps) {
    const places: { holder: Record<string, unknown>; name: string }[] = [];
    const visit = (part: unknown) => {
      if (typeof part !== 'object' || part === null) return;
      for (const name of Object.keys(part)) {
        places.push({ holder: part as Record<string, unknown>, name });
        visit((part as Record<string, unknown>)[name]);
      }
    };
    visit(copy);
    const place = places[step.at % Math.max(1, places.length)];
    if (place === undefined) continue;
    const { holder, name } = place;
    if (step.deed === 'delete') delete holder[name];
    else if (step.deed === 'wrap') holder[name] = [holder[name]];
    else if (step.deed === 'double') holder[name] = [holder[name], holder[name]];
    else if (step.deed === 'rename' && !Array.isArray(holder)) {
      Object.defineProperty(holder, String(JSON.stringify(step.value)).slice(0, 50), {
        value: holder[name],
        enumerable: true,
        configurable: true,
        writable: true,
      });
      delete holder[name];
    } else holder[name] = structuredClone(step.value); // a later step must not reach into what other cases share
  }
  return copy;
}

/** Cuts a text off, or changes characters of it. */
const scarred = (original: string) =>
  fc
    .tuple(
      fc.nat(original.length),
      fc.array(
        fc.tuple(fc.nat(original.length), fc.constantFrom('"', '{', '}', ',', ':', '\\', '\u0000', '9', ' ', '\uffff')),
        { maxLength: 4 },
      ),
      fc.boolean(),
    )
    .map(([end, changes, cut]) => {
      let changed = original;
      for (const [at, character] of changes) changed = changed.slice(0, at) + character + changed.slice(at + 1);
      return cut ? changed.slice(0, end) : changed;
    });

function failureOf(error: unknown): Failure {
  if (error instanceof SwpError) return error.failure;
  throw error;
}

describe('pipeline.json', () => {
  const loader = StageLoader.installed();
  const tryOut = async (source: string) => {
    try {
      const study = await resolveStudy(parseStudyFile(join(folder, 'pipeline.json'), source), { loader });
      for (const experiment of study.experiments)
        if (experiment.rounds <= 20) expandRun(study, experiment, experiment.seeds[0] ?? 0);
    } catch (error) {
      const failure = failureOf(error);
      const all = failure.kind === 'several' ? failure.failures : [failure];
      for (const each of all) {
        if (each.kind === 'usage') continue; // a default profile that is none
        expect(each.kind).toBe('study');
        if (each.kind === 'study')
          expect([each.at.line >= 1, each.at.column >= 1, each.message.length > 5]).toEqual([true, true, true]);
      }
    }
  };

  it('with places changed, left out, renamed or of another type (1,500 cases)', async () => {
    await fc.assert(
      fc.asyncProperty(surgery, (steps) => tryOut(JSON.stringify(operate(JSON.parse(text), steps), null, 2))),
      { numRuns: 500 },
    );
  });

  it('cut off, or with other characters (1,500 cases)', async () => {
    await fc.assert(fc.asyncProperty(scarred(text), tryOut), { numRuns: 500 });
  });
});

describe('a cache', () => {
  const key = 'ab'.repeat(32);
  const record = {
    version: 2,
    id: '00000000-0000-0000-0000-000000000000',
    key,
    contentKey: 'cd'.repeat(32),
    stage: 's',
    preimage: { params: { a: 1 } },
    contentPreimage: {},
    artifacts: { weights: { sha256: 'ef'.repeat(32), bytes: 5, file: 'weights.safetensors', evictable: true } },
    metrics: { loss: 1 },
    environment: { node: '20' },
    seconds: 1,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:01Z',
    log: 'logs/a.log',
  };

  it('with a record that was changed or cut off: refused with its path, or whole (3,000 cases)', () => {
    const tryOut = (source: string) => {
      try {
        const stored = parseStoredRecord(source, '/cache/record.json', key);
        if (stored.kind === 'later') return;
        const parsed = stored.record;
        for (const { sha256, file } of Object.values(parsed.artifacts))
          expect([/^[0-9a-f]{64}$/.test(sha256), file.includes('/')]).toEqual([true, false]);
        if (parsed.log !== undefined) expect(parsed.log).toMatch(/^logs\/[^/]+$/);
      } catch (error) {
        expect(failureOf(error)).toMatchObject({ kind: 'content', path: '/cache/record.json' });
      }
    };
    // As a forger would who knows the format, and as an earlier version wrote it.
    const written = fc.constantFrom(
      (value: object) => sealedJson(value),
      (value: object) => JSON.stringify({ ...value, version: 1 }),
    );
    fc.assert(
      fc.property(surgery, written, (steps, write) => {
        const value = operate(record, steps);
        tryOut(typeof value === 'object' && value !== null ? write(value) : JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(scarred(sealedJson(record)), tryOut), { numRuns: 500 });
  });

  it('with hostile memories of studies: read, passed over or refused, and gc touches nothing outside (1,000 cases)', async () => {
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside', `${'aa'.repeat(32)}.safetensors`), 'mine');
    const cache = await Cache.open(join(folder, 'cache'));
    const study = join(folder, 'pipeline.json');
    const state = await StudyState.open(cache, study);
    state.settle('A/s0/r0/x', key);
    await state.save();
    const [name] = await readdir(join(folder, 'cache/studies'));
    const home = join(folder, 'cache/studies', name!);
    await mkdir(join(home, 'history'), { recursive: true });
    const originals = {
      'ledger.json': await readFile(join(home, 'ledger.json'), 'utf8'),
      'accepted.json': JSON.stringify({
        version: 1,
        accepted: [{ stage: 's', path: 'code', from: 'a', to: 'b', why: '', who: '', at: '' }],
      }),
      'history/1.json': JSON.stringify({ version: 1, startedAt: '', counts: {}, nodes: [{ place: 'x', key }] }),
    };
    const files = fc.constantFrom(...(Object.keys(originals) as (keyof typeof originals)[]));
    await fc.assert(
      fc.asyncProperty(files, surgery, fc.boolean(), fc.nat(300), async (file, steps, cut, end) => {
        const changed = JSON.stringify(operate(JSON.parse(originals[file]), steps));
        await writeFile(join(home, file), cut ? changed.slice(0, end) : changed);
        try {
          await StudyState.open(cache, study);
          readHistory(home);
          readAcceptances(home);
        } catch (error) {
          expect(failureOf(error)).toMatchObject({ kind: 'content', path: join(home, 'accepted.json') });
        }
        await collectGarbage(cache, { keep: new Set(), keepLast: 0 }, false);
      }),
      { numRuns: 400 },
    );
    expect(await readdir(join(folder, 'outside'))).toHaveLength(1);
    // What the last cases left is named, and nothing else is.
    for (const { path } of (await verifyCache(cache)).damages)
      expect(Object.keys(originals).map((file) => join(home, file))).toContain(path);
    await cache.scratch.clear();
  });
});

describe('an artifact', () => {
  it('of tensors whose header or data are not what they should be: refused, or read whole (3,000 cases)', async () => {
    const header = JSON.stringify({
      __metadata__: { a: 'b' },
      weight: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
      mask: { dtype: 'U8', shape: [3], data_offsets: [16, 19] },
    });
    const path = join(folder, 'tensors.safetensors');
    const build = (text: string, length: bigint | undefined, data: number) => {
      const bytes = Buffer.from(text);
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(length ?? BigInt(bytes.length));
      return Buffer.concat([size, bytes, Buffer.alloc(data, 1)]);
    };
    const headers = fc.oneof(
      surgery.map((steps) => JSON.stringify(operate(JSON.parse(header), steps))),
      scarred(header),
    );
    const lengths = fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
    );
    await fc.assert(
      fc.asyncProperty(headers, lengths, fc.oneof(fc.constant(19), fc.nat(40)), async (text, length, data) => {
        await writeFile(path, build(text, length, data));
        try {
          for (const { shape, data: values } of (await readSafetensors(path)).tensors.values())
            expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(failureOf(error)).toMatchObject({ path });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
