/**
 * A report of numbers at the edge: perplexities beyond a double, one sequence, no query, a text without probabilities.
 * What is not known is a dash, and costs nothing that is.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import schema from '../../schemas/artifacts/results.schema.json' with { type: 'json' };
import type { Evaluation } from '../../src/generated/evaluation.ts';
import { perplexityOf } from '../../src/model/evaluate.ts';
import { qualityRows, sparsityRows } from '../../src/plots/plot-data.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { renderReport } from '../../src/report/render-report.ts';
import { lossCurves } from '../../src/report/figures/loss-curves.ts';
import { definitions } from '../../src/report/page/definitions.ts';
import { studySummary } from '../../src/report/summary.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { spread } from '../../src/science/statistics/spread.ts';
import { ARMS, fixturePieces, fixtureStudy } from './study-fixture.ts';

const arms = ARMS.filter(({ id }) => ['A1', 'B1', 'unpruned'].includes(id));

/** The study with its evaluations changed. */
function resultsOf(change: (evaluation: Evaluation, experiment: string, seed: number) => Partial<Evaluation>) {
  const pieces = fixturePieces(arms);
  for (const { label, content } of pieces.evaluations)
    if (content) Object.assign(content, change(content, label.experiment, label.seed));
  return studyResults(fixtureStudy(arms), pieces) as unknown as StudyResults;
}

/** A1's seed 1 loses 800 nats; nobody has a query, nor more than one sequence. */
const extreme = resultsOf((evaluation, experiment, seed) => {
  const loss = experiment === 'A1' && seed === 1 ? 800 : evaluation.loss;
  return {
    loss,
    perplexity: perplexityOf(loss),
    excess: loss - evaluation.surprisal!,
    standardError: null,
    excessStandardError: null,
    queries: 0,
    retrievalAccuracy: null,
  };
});
const unknown = resultsOf(() => ({ floor: null, surprisal: null, excess: null, excessStandardError: null }));
const ofText = resultsOf(() => ({
  ...{ floor: null, surprisal: null, excess: null, excessStandardError: null },
  ...{ queries: 0, retrievalAccuracy: null },
}));

describe('results', () => {
  const validate = new Ajv({ allErrors: true }).compile(schema);

  it.each([
    ['of losses beyond 709 nats', extreme],
    ['of a text without known probabilities', unknown],
  ])('%s are valid and finite', (_, results) => {
    expect(() => canonicalize(results)).not.toThrow();
    expect(validate(JSON.parse(JSON.stringify(results))), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  });

  it('keep a loss whose perplexity is not known, and say no mean of the other perplexities alone', () => {
    const end = extreme.experiments.find(({ id }) => id === 'A1')!.points.at(-1)!;
    expect(end.loss).toMatchObject({ n: 3 });
    expect(end.loss.mean).toBeGreaterThan(260);
    expect(end.perplexity).toEqual({ n: 3, mean: null, sd: null });
    expect(end.retrievalAccuracy).toEqual({ n: 0, mean: null, sd: null });
  });

  it('have a spread of values whose squares leave a double', () => {
    expect(spread([1e300, 3e300])).toEqual({ n: 2, mean: 2e300, sd: expect.closeTo(Math.SQRT2 * 1e300, -290) });
    expect(spread([1.7e308, -1.7e308]).sd).toBeNull();
  });

  it('give no height above the language where its probabilities are not known', () => {
    expect([unknown.floor, unknown.surprisal]).toEqual([null, null]);
    const [first] = sparsityRows(unknown);
    expect(first!.value).toBe(unknown.runs[0]!.measurements[0]!.evaluation!.loss);
    const { mean, interval } = qualityRows(extreme).find(({ experiment }) => experiment === 'B1')!;
    expect(interval!.lower).toBeLessThan(mean!);
    expect(interval!.upper).toBeGreaterThan(mean!);
  });
});

describe('the summary', () => {
  it('shows the logarithm of a perplexity that no double holds', () => {
    const { lines, highlights } = studySummary(extreme);
    expect(lines.find((line) => line.startsWith('A1'))).toMatch(/exp\(268\.\d ± 460\.\d\) \(n 3\)/);
    expect(lines.join('\n')).not.toMatch(/NaN|Infinity|null|undefined/);
    expect(highlights['experiments']).toMatchObject({ A1: { loss: { n: 3 }, perplexity: { n: 3, mean: null } } });
    expect(studySummary(unknown).lines.join('\n')).not.toMatch(/entropy floor|of the sample/);
  });
});

describe('the report', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'swp-edge-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it('says of a text nothing that holds of a language alone', () => {
    const { source } = definitions(ofText).content;
    expect(source).toContain('the first is the start token');
    expect(source).not.toMatch(/BOS where the language|Retrieval accuracy|Entropy floor/);
    const { caption } = lossCurves.draw(ofText);
    expect(caption).toContain('new until the training part of the text has been read once');
    expect(caption).not.toMatch(/unseen data|entropy floor/);
    expect(lossCurves.draw(extreme).caption).toContain('on unseen data');
  });

  it('is drawn whole, with dashes for what is not known', async () => {
    const resultsPath = join(folder, 'results.json');
    await writeFile(resultsPath, JSON.stringify(extreme));
    await renderReport({ resultsPath, outDir: join(folder, 'report') });
    const pages = (await readdir(join(folder, 'report'))).filter((name) => name.endsWith('.html'));
    for (const page of pages) {
      const text = (await readFile(join(folder, 'report', page), 'utf8')).replace(/<style>.*?<\/style>/gs, '');
      expect(text, page).not.toMatch(/\bNaN\b|\bInfinity\b|\bundefined\b|\[object/);
    }
    const runs = await readFile(join(folder, 'report', 'runs.csv'), 'utf8');
    const [head, ...rows] = runs
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const broken = rows.find(([experiment, seed]) => experiment === 'A1' && seed === '1')!;
    const cell = (name: string) => broken[head!.indexOf(name)];
    expect([cell('loss'), cell('perplexity'), cell('standardError')]).toEqual(['800', '', '']);
  });
});
