/** swp metrics: tables from records, for people, for spreadsheets and for scripts. */
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

let filled: string;
beforeAll(async () => void (filled = await mkdtemp(join(tmpdir(), 'swp-metrics-'))));
afterAll(() => rm(filled, { recursive: true, force: true }));

let made: Promise<void> | undefined;
async function project(): Promise<SwpProject> {
  const fresh = await SwpProject.create(tinyStudy());
  made ??= (async () => {
    expect((await fresh.swp('repro', 'experiment=A1')).exitCode).toBe(0);
    await cp(fresh.path('cache'), filled, { recursive: true });
  })();
  await made;
  await cp(filled, fresh.path('cache'), { recursive: true });
  return fresh;
}

interface Row {
  experiment: string;
  seed: number;
  round: number;
  step: string;
  key: string;
  metrics: Record<string, number>;
}

describe('swp metrics', () => {
  test('is a table by experiment, seed, round and step; what there is none of is counted', async () => {
    const of = await project();
    const { stdout, stderr } = await of.swp('metrics', 'stage=eval');
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(
      /^experiment +seed +round +step +loss +standardError +perplexity +floor +excess +excessStandardError +retrievalAccuracy +sparsity$/,
    );
    expect(lines[1]).toMatch(/^A1 +0 +1 +eval +\d\.\d+ /);
    // A2 shares its first evaluation with A1; its last one has not been computed.
    expect(lines.slice(1).map((line) => line.split(/ +/).slice(0, 4).join(' '))).toEqual([
      'A1 0 1 eval',
      'A1 0 2 eval',
      'A2 0 1 eval',
    ]);
    expect(stderr).toContain('1 selected place has no result yet');
    const [shown] = (await of.swp('show', 'stage=eval', 'experiment=A1', 'round=2', '--json')).json<{
      key: string;
      metrics: object;
    }>();
    const { rows } = (await of.swp('metrics', 'experiment=A1', 'step=eval', '--json')).json<{ rows: Row[] }>()[0]!;
    expect(rows.map(({ experiment, round }) => [experiment, round])).toEqual([
      ['A1', 1],
      ['A1', 2],
    ]);
    expect(rows[1]).toMatchObject({ key: shown!.key, metrics: shown!.metrics });
  });

  test('shows the columns that are asked for, also as CSV', async () => {
    const of = await project();
    const csv = (await of.swp('metrics', '--columns', 'finalLoss,spars*', '--csv')).stdout.split('\r\n');
    expect(csv[0]).toBe('experiment,seed,round,step,stage,key,finalLoss,sparsity');
    expect(csv[1]).toMatch(/^A1,0,1,train,train,[0-9a-f]{64},\d\.\d+,$/);
    const none = await of.swp('metrics', 'stage=train', '--columns', 'accuracy');
    expect([none.exitCode, none.stderr]).toEqual([
      2,
      'error: No selected node has a metric accuracy.\n  Expected: some of cumulativeStep, finalLoss, steps.',
    ]);
    expect((await of.swp('metrics', 'experiment=Z')).stderr).toContain('No node of this profile has experiment=Z.');
  });

  test('diff says how two experiments differ where their nodes do', async () => {
    const of = await project();
    await of.swp('repro');
    const { changes } = (await of.swp('metrics', 'diff', 'A1', 'A2', '--columns', 'sparsity', '--json')).json<{
      changes: { round: number; step: string; a: number; b: number; change: number }[];
    }>()[0]!;
    expect(changes.map(({ round, step }) => `${round} ${step}`)).toEqual(['1 prune', '2 eval']);
    for (const { a, b, change } of changes) expect(change).toBe(b - a);
    expect(changes[0]!.change).toBeCloseTo(0.1, 3);
    expect((await of.swp('metrics', 'diff', 'A1', 'A2', '--columns', 'loss')).stdout).toMatch(
      /^seed +round +step +metric +A1 +A2 +change\n0 +2 +eval +loss +\d\.\d+ +\d\.\d+ +-?[\d.e-]+$/,
    );
    expect((await of.swp('metrics', 'diff', 'A1', 'A3')).stderr).toContain(
      'There is no experiment "A3" in profile "all".\n  Did you mean "A1"?',
    );
  });
});
