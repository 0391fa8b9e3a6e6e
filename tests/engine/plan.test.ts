/** Planning, without a disk: what is cached, missing or stale, and why. */
import { DirectedGraph } from 'graphology';
import { expect, it } from 'vitest';
import type { CacheRecord } from '../../src/cache/record.ts';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import type { Dag } from '../../src/engine/dag-builder.ts';
import { plan, type RecordSource, type StudyView } from '../../src/engine/plan.ts';

const LABEL = { experiment: 'A1', seed: 0, round: 1, step: 'train' };

const emptyCache: RecordSource = { record: async () => undefined, absentArtifacts: async () => [] };
const emptyStudy: StudyView = { lastKey: () => undefined, dismissed: () => undefined };
const record = {
  id: 'id-of-K',
  key: 'K',
  artifacts: { text: {}, weights: { evictable: true } },
} as unknown as CacheRecord;
const fullCache: RecordSource = { ...emptyCache, record: async (key) => (key === 'K' ? record : undefined) };

async function planned(cache: RecordSource, study: StudyView, gathers = {}) {
  const dag = new DirectedGraph() as Dag;
  dag.addNode('K', { key: 'K', labels: [LABEL], gathers, files: [] } as unknown as PlannedNode);
  const { nodes, warnings } = await plan(dag, cache, study);
  const { node: _, ...rest } = nodes.get('K')!;
  return { ...rest, warnings };
}

it('a node without a record is missing', async () => {
  expect(await planned(emptyCache, emptyStudy)).toEqual({
    state: 'missing',
    reason: { kind: 'missing' },
    warnings: [],
  });
});

it('a node without a record, whose place had another recipe before, is stale', async () => {
  const study = { ...emptyStudy, lastKey: (place: string) => (place === 'A1/s0/r1/train' ? 'OLD' : undefined) };
  expect(await planned(emptyCache, study)).toMatchObject({
    state: 'stale',
    reason: { kind: 'changed', previousKey: 'OLD' },
  });
});

it('a node without a record, whose place had this recipe before, is missing', async () => {
  expect(await planned(emptyCache, { ...emptyStudy, lastKey: () => 'K' })).toMatchObject({ state: 'missing' });
});

it('a node that gathers, and had holes before, is missing: no recipe changed', async () => {
  const gathered = (...items: object[]) =>
    ({ key: 'OLD', preimage: { gathers: { all: items } } }) as unknown as CacheRecord;
  const study = { ...emptyStudy, lastKey: () => 'OLD' };
  const after = (old: CacheRecord) =>
    planned({ ...emptyCache, record: async (key) => (key === 'OLD' ? old : undefined) }, study, { all: [] });
  expect(await after(gathered({ key: 'A' }, { missing: true }))).toMatchObject({
    state: 'missing',
    reason: { kind: 'missing' },
  });
  expect(await after(gathered({ key: 'A' }))).toMatchObject({ state: 'stale', reason: { kind: 'changed' } });
});

it('a node with a record and its artifacts is cached', async () => {
  expect(await planned(fullCache, emptyStudy)).toEqual({
    state: 'cached',
    reason: { kind: 'cached' },
    record,
    warnings: [],
  });
});

it('a node that has lost an artifact is missing', async () => {
  expect(await planned({ ...fullCache, absentArtifacts: async () => ['weights', 'text'] }, emptyStudy)).toMatchObject({
    state: 'missing',
    record,
  });
});

it('a node whose evictable artifacts were evicted is cached', async () => {
  const evicted = await planned({ ...fullCache, absentArtifacts: async () => ['weights'] }, emptyStudy);
  expect(evicted).toMatchObject({ state: 'cached', evicted: ['weights'] });
});

it('a node whose record was dismissed is stale, with the reason that was given', async () => {
  const study = { ...emptyStudy, dismissed: (id: string) => (id === 'id-of-K' ? { why: 'a doubt' } : undefined) };
  expect(await planned(fullCache, study)).toMatchObject({
    state: 'stale',
    reason: { kind: 'invalidated', why: 'a doubt' },
  });
});

it('a node whose record is damaged is missing, with a warning', async () => {
  const failure: Failure = { kind: 'content', path: 'p', message: 'm', remedy: 'r' };
  const cache = { ...emptyCache, record: () => Promise.reject(new SwpError(failure)) };
  expect(await planned(cache, emptyStudy)).toMatchObject({ state: 'missing', warnings: [failure] });
});

it('a cache that cannot be read ends planning', async () => {
  const failure: Failure = { kind: 'file', path: 'p', operation: 'read', code: 'EACCES', remedy: 'r' };
  await expect(
    planned({ ...emptyCache, record: () => Promise.reject(new SwpError(failure)) }, emptyStudy),
  ).rejects.toMatchObject({ failure });
});
