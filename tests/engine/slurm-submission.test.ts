/** Submissions in a cache into which others may write, too: what is read of them is as swp writes it, or nothing. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sealedJson } from '../../src/base/sealed-json.ts';
import { elementOf } from '../../src/engine/executors/slurm/arrays.ts';
import { readSubmissions, type Submission } from '../../src/engine/executors/slurm/submission.ts';

let study: string;
beforeEach(() => {
  study = mkdtempSync(join(tmpdir(), 'swp-submissions-'));
});
afterEach(() => rmSync(study, { recursive: true }));

const settings = { cpus: 1, memory: 1024, time: '1:00:00', setup: ['module load x'], signal: 120, options: [] };
const bundle = (name: string, after: (number | string)[]) => ({
  ...{ name, nodes: ['k'], places: ['A1/s0/r0/load'], settings, seconds: 3, after },
});
const GOOD: Submission = {
  ...{ at: '2026-01-01T00:00:00.000Z', user: 'u', host: 'h', run: { checkpointSeconds: 60 } },
  study: { path: '/s/pipeline.json', declaration: '{}', cache: '/c', selectors: ['stage=train'] },
  bundles: [bundle('A1/s0', []), bundle('aggregate', [0, '9_1'])],
  arrays: [
    { settings, bundles: [0], offset: 0, after: [] },
    { settings, bundles: [1], offset: 0, after: [0], limit: 2 },
  ],
};

function store(id: string, files: Record<string, unknown>): string {
  const folder = join(study, 'slurm', id);
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), sealedJson({ version: 2, ...(content as object) }));
  return folder;
}

const jobsOf = () => readSubmissions(study).map(({ arrays }) => [0, 1].map((each) => elementOf(arrays, each)));

/** The same value with another one in place of each of its parts. */
function distorted(value: unknown): unknown[] {
  if (Array.isArray(value))
    return [{}, 'x', null, 7, ...value.flatMap((each, at) => distorted(each).map((other) => value.with(at, other)))];
  if (typeof value === 'object' && value !== null)
    return [
      ...[[], null, 'x'],
      ...Object.entries(value).flatMap(([name, part]) => distorted(part).map((other) => ({ ...value, [name]: other }))),
    ];
  return typeof value === 'string' ? [null, 7, {}, []] : ['x', {}, [], true];
}

describe('a submission', () => {
  it('is passed over where any part of it is of another kind', () => {
    store('0', { 'submission.json': GOOD, 'jobs.json': { jobs: ['12', '13'] } });
    const others = distorted(GOOD).filter((each) => typeof each === 'object' && each !== null && !Array.isArray(each));
    expect(others.length).toBeGreaterThan(150);
    for (const [index, other] of others.entries()) store(`1-${index}`, { 'submission.json': other as object });
    expect(jobsOf()).toEqual([['12_0', '13_1']]);
  });

  it.each<[string, (good: Submission) => object]>([
    ['a bundle in no array', (good) => ({ arrays: good.arrays.slice(0, 1) })],
    ['a bundle in two', (good) => ({ arrays: [...good.arrays, good.arrays[0]] })],
    ['a bundle that there is not', (good) => ({ arrays: [{ ...good.arrays[0], bundles: [1e9] }, good.arrays[1]] })],
    ['an element below 0', (good) => ({ arrays: [{ ...good.arrays[0], offset: 5 }, good.arrays[1]] })],
    ['a name that acts on a terminal', () => ({ bundles: [bundle('\u001b[2J', []), bundle('x', [])] })],
    ['a name that is a text of its own', () => ({ bundles: [bundle('n'.repeat(1e6), []), bundle('x', [])] })],
    ['jobs that are options', () => ({ bundles: [bundle('a', ['--user=root']), bundle('x', [])] })],
  ])('is passed over with %s', (_, change) => {
    store('0', { 'submission.json': { ...GOOD, ...change(GOOD) }, 'jobs.json': { jobs: ['12', '13'] } });
    expect(jobsOf()).toEqual([]);
  });

  it('has the jobs that have numbers of Slurm', () => {
    const forged = [['12; rm -rf /', '13'], ['12\n13', 12], [['12'], '0'], 'x', ['--me', '4294967296'], { 0: '12' }];
    const arrays = GOOD.arrays.map((array) => ({ ...array, job: '$(id)' }));
    for (const [index, jobs] of forged.entries())
      store(`${index}`, { 'submission.json': { ...GOOD, arrays }, 'jobs.json': { jobs } });
    expect(
      jobsOf()
        .flat()
        .filter((id) => id !== undefined),
    ).toEqual(['13_1']);
  });

  it('has the ends that jobs can have', () => {
    const ends = {
      0: { kind: 'failed', reason: 'NonZeroExitCode' },
      1: { kind: '__proto__' },
      2: { kind: 'failed', reason: {} },
      3: { kind: 'queued' },
      4: 'done',
    };
    store('0', { 'submission.json': GOOD, 'ends.json': { isComplete: 'yes', ends } });
    expect([...readSubmissions(study)[0]!.ends]).toEqual([[0, { kind: 'failed', reason: 'NonZeroExitCode' }]]);
  });

  it('costs nothing but itself where something else stands in its place', () => {
    store('5', { 'submission.json': GOOD, 'jobs.json': { jobs: ['12', '13'] } });
    symlinkSync('/etc/passwd', join(store('0', {}), 'submission.json'));
    mkdirSync(join(store('1', {}), 'submission.json'));
    for (const name of ['jobs.json', 'ends.json'])
      symlinkSync('/etc/passwd', join(store(`2-${name}`, { 'submission.json': GOOD }), name));
    writeFileSync(join(study, 'slurm', '3'), 'no folder');
    symlinkSync('/nowhere', join(study, 'slurm', '4'));
    chmodSync(join(store('6', { 'submission.json': GOOD }), 'submission.json'), 0o000);
    chmodSync(store('7', { 'submission.json': GOOD }), 0o000);
    expect(jobsOf()).toContainEqual(['12_0', '13_1']);
    chmodSync(join(study, 'slurm', '7'), 0o700);
  });
});
