/**
 * Hostile values and names in pipeline.json: every value and name of a study that says all that can be said, one after
 * the other, replaced by what no study means. Planning refuses each with its place, or takes it and stays cheap.
 */
import picocolors from 'picocolors';
import { describe, expect, test } from 'vitest';
import { failureText } from '../../src/cli/failure-text.ts';
import type { Failure } from '../../src/base/failure.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { workOf } from '../../src/estimate/workload.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import { lint } from '../../src/project/lint.ts';
import { fullStudy } from './full-study.ts';

const colors = picocolors.createColors(false);
const loader = StageLoader.installed();

/** Numbers out of every range, and some that are in a range and mean a lot of work. */
const NUMBERS = [0, -1, 0.5, 65, 50_000, 2_000_000, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e20, 1e308, 5e-324];
const NAMES = [
  '',
  'toString',
  'constructor',
  'hasOwnProperty',
  '__proto__',
  'NaN',
  '1e5',
  'a\nb',
  '\u0000',
  '\u001b[31m',
  '🦊'.repeat(40),
  'a/b',
  '../../etc/passwd',
  '..',
  '{n}',
  '*',
  `${'*a'.repeat(400)}b`,
  '!',
  '[',
  'x'.repeat(70_000),
];
const OTHERS = [
  null,
  true,
  [],
  {},
  [[]],
  [null],
  ['constructor'],
  { constructor: {} },
  Array.from({ length: 1500 }, (_, index) => index),
];
const VALUES: unknown[] = [...NUMBERS, ...NAMES, ...OTHERS];
/** Of each place so many are tried; which ones changes from place to place, so that all get their turn. */
const TRIED = 3;

type Holder = Record<string | number, unknown>;
interface Place {
  holder: Holder;
  key: string | number;
  path: (string | number)[];
}

function placesOf(value: unknown, path: (string | number)[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((name) => {
    const key = Array.isArray(value) ? Number(name) : name;
    const holder = value as Holder;
    return [{ holder, key, path: [...path, key] }, ...placesOf(holder[name], [...path, key])];
  });
}

/** Everything that status, dag, lint and estimate do before they read a cache. */
async function plan(text: string): Promise<void> {
  const study = await resolveStudy(parseStudyFile('/study/pipeline.json', text), { loader });
  const dag = await buildDag(study, loader);
  lint(study);
  for (const key of dag.nodes()) await (await workOf(dag.getNodeAttributes(key), '/study')).flops?.();
}

/** What the user reads; none for a study that is taken. Anything but a Failure is a bug, and is passed on. */
async function mistakesOf(text: string): Promise<Failure[]> {
  try {
    await plan(text);
    return [];
  } catch (error) {
    const { failure } = error as { failure?: Failure }; // of this module's SwpError, or of the built stages' own
    if (failure === undefined) throw error;
    // A model or a checkpoint that is not there blocks its nodes, and says which file.
    if (failure.kind === 'file' && failure.path.includes('/models/')) return [];
    return failure.kind === 'several' ? failure.failures : [failure];
  }
}

function checkMistake(failure: Failure, changed: string): void {
  const text = failureText(failure, colors);
  expect([changed, text.length < 2000, /[\u0000-\u0008\u000b-\u001f]/.test(text)]).toEqual([changed, true, false]);
  if (failure.kind !== 'study') throw new Error(`${changed}: no place: ${text}`);
  expect(text).toMatch(/^\/study\/pipeline\.json:\d+:\d+ error: /);
  expect(failure.at.line >= 1 && failure.at.column >= 1 && failure.at.length >= 1).toBe(true);
}

describe('a study with one hostile value', () => {
  test('as it is, is planned', async () => {
    expect(await mistakesOf(JSON.stringify(fullStudy(), null, 2))).toEqual([]);
  });

  test('at every place is refused with its place, or planned', async () => {
    const study = fullStudy();
    let cases = 0;
    for (const [index, { holder, key, path }] of placesOf(study).entries()) {
      const before = holder[key];
      for (let turn = 0; turn < TRIED; turn++) {
        const value = VALUES[(index * TRIED + turn * 7) % VALUES.length];
        holder[key] = value;
        const changed = `${path.join('.')} = ${JSON.stringify(value).slice(0, 40)}`;
        try {
          for (const mistake of await mistakesOf(JSON.stringify(study, null, 2))) checkMistake(mistake, changed);
        } catch (error) {
          throw new Error(changed, { cause: error });
        }
        cases++;
      }
      holder[key] = before;
    }
    expect(cases).toBeGreaterThan(600);
  });

  test('under every hostile name is refused with its place, or planned', async () => {
    for (const [index, { path }] of placesOf(fullStudy()).entries()) {
      const study = fullStudy();
      const holder = path.slice(0, -1).reduce<unknown>((part, name) => (part as Holder)[name], study) as Holder;
      const old = path.at(-1)!;
      if (typeof old === 'number') continue;
      for (const name of [NAMES[(index * 7) % NAMES.length]!]) {
        const renamed = Object.entries(holder).map(([each, value]) => [each === old ? name : each, value] as const);
        const written = withEntries(study, holder, renamed);
        for (const mistake of await mistakesOf(written)) checkMistake(mistake, `${path.join('.')} is ${name}`);
      }
    }
  });
});

/** The study as text, one of its objects with other entries: `__proto__` can be written, and not set. */
function withEntries(study: unknown, holder: unknown, entries: (readonly [string, unknown])[]): string {
  const write = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    if (Array.isArray(value)) return `[${value.map(write).join(',\n')}]`;
    const pairs = value === holder ? entries : Object.entries(value);
    return `{${pairs.map(([name, part]) => `${JSON.stringify(name)}: ${write(part)}`).join(',\n')}}`;
  };
  return write(study);
}

describe('what is impossible together is shown where it stands', () => {
  const withChange = async (change: (study: ReturnType<typeof fullStudy>) => void) => {
    const study = fullStudy() as Parameters<typeof change>[0];
    change(study);
    const lines = JSON.stringify(study, null, 2).split('\n');
    return (await mistakesOf(lines.join('\n'))).map((failure) =>
      failure.kind === 'study'
        ? [lines[failure.at.line - 1]!.trim(), failure.message, failure.expected]
        : [failure.kind, '', ''],
    );
  };
  const params = (study: ReturnType<typeof fullStudy>, stage: string): Record<string, unknown> =>
    (study.defaults as { params: Record<string, Record<string, unknown>> }).params[stage]!;

  test.each([
    ['a sequence longer than the model reads', 'train', 'sequenceLength', 65, 'at most 64'],
    ['a batch whose tensors no engine can count', 'train', 'batchSize', 900_000, 'fewer sequences'],
    ['more training steps than there can be', 'train', 'steps', 1e20, 'at most 1000000000'],
    ['micro-batches that do not make up the batch', 'train', 'microBatchSize', 5, 'a divisor of it'],
    ['more sequences than can be drawn', 'eval', 'sequences', 10_000_000, 'sequences of this length'],
    ['a pattern of tensors that matches none', 'prune', 'prunable', ['nothing.*'], '"blocks"'],
  ] as [string, string, string, unknown, string][])('%s', async (_name, stage, param, value, expected) => {
    const found = await withChange((study) => {
      if (param === 'sequences') params(study, stage).sequenceLength = 512;
      params(study, stage)[param] = value;
      // A profile and other experiments say nothing of it.
      delete (study.profiles as { small: { params?: object } }).small.params;
      if (param === 'sequenceLength') (study.defaults as { model: string }).model = 'marker-retrieval-gelu';
      if (param === 'sequenceLength') delete (study.profiles as { small: { model?: string } }).small.model;
    });
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]![0]).toContain(`"${param}":`);
    expect(found[0]![2]).toContain(expected);
  });
});
