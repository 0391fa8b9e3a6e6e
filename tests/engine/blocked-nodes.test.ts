/** A node that lacks a file is blocked, with what needs its result; everything else goes on. */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => void (rig = await Rig.create()));
afterEach(() => rig.remove());

/** L lacks its file; M follows from it; A and B are on their own; R gathers all. */
const STUDY: ToyStudy = {
  L: { params: { file: 'data' } },
  M: { from: 'L' },
  A: {},
  B: { from: 'A' },
  R: { stage: 'list', all: ['L', 'M', 'A', 'B'] },
};
const HOLES = 'L: missing\nM: missing\nA: A\nB: AB';

describe('a missing file', () => {
  it('blocks the node that reads it and what follows, with the reason; the rest runs, and the missing is listed', async () => {
    const { result, ended, read, events } = await rig.run(STUDY);
    expect(result).toMatchObject({ total: 5, ran: 3, cached: 0, failed: 0, blocked: 2, failures: [], warnings: [] });
    expect(ended('blocked')).toEqual(['L', 'M']);
    expect(await read('R')).toBe(HOLES);
    expect(events[0]).toEqual({
      event: 'plan',
      nodes: { total: 5, cached: 0, toRun: 3, blocked: 2 },
      stages: { text: 2, list: 1 },
    });
    const failure = { kind: 'file', path: rig.path('data'), operation: 'read', code: 'ENOENT' };
    const ends = events.filter((event) => event.event === 'node-end' && event.outcome === 'blocked');
    expect(ends.map((event) => 'failure' in event && event.failure)).toMatchObject([failure, failure]);
    const { at } = await rig.plan(STUDY);
    expect(at('L')).toMatchObject({ state: 'blocked', reason: { kind: 'missing-input', failure } });
    expect(at('M')).toMatchObject({ state: 'blocked', reason: { kind: 'blocked', by: 'L/s0/r0/step', failure } });
    expect(['A', 'B', 'R'].map((place) => at(place).state)).toEqual(['cached', 'cached', 'cached']);
  });

  it('is no matter to a run that does not ask for it', async () => {
    expect((await rig.run(STUDY, { only: ['B'] })).result).toMatchObject({ total: 2, ran: 2, blocked: 0 });
    expect((await rig.run(STUDY, { only: ['M'] })).result).toMatchObject({ total: 2, ran: 0, blocked: 2 });
  });

  it('that comes back makes the whole; one that goes leaves what is known of the others', async () => {
    await rig.run(STUDY);
    await writeFile(rig.path('data'), 'x');
    const whole = await rig.run(STUDY);
    expect(whole.ran).toEqual(['L', 'M', 'R']);
    expect(await whole.read('R')).toBe('L: L\nM: LM\nA: A\nB: AB');
    await rm(rig.path('data'));
    const again = await rig.run(STUDY);
    expect(again.result).toMatchObject({ cached: 3, ran: 0, blocked: 2 });
    expect(await again.read('R')).toBe(HOLES);
  });

  it('of two nodes with other parameters blocks each by itself, and of equal ones once', async () => {
    const { result } = await rig.run({
      L: { params: { file: 'data', say: 'one' } },
      K: { params: { file: 'data', say: 'one' } },
      N: { params: { file: 'data', say: 'other' } },
    });
    expect(result).toMatchObject({ total: 2, blocked: 2 });
  });
});

it.each([
  ['a folder', 'EISDIR', () => mkdir(rig.path('data'))],
  ['a link to nothing', 'ENOENT', () => symlink('nowhere', rig.path('data'))],
  ['a loop of links', 'ELOOP', () => symlink('data', rig.path('data'))],
  ['a pipe, which would never end', 'content', () => execa('mkfifo', [rig.path('data')])],
])('%s in place of a file blocks as a missing one does', async (_what, code, make) => {
  await make();
  const { at } = await rig.plan(STUDY);
  const { reason, state } = at('L');
  expect(state).toBe('blocked');
  expect('failure' in reason && 'code' in reason.failure ? reason.failure.code : 'content').toBe(code);
  expect(at('A').state).toBe('missing');
});
