/** A study whose pruning stage is its author's own: the report says so, and claims nothing of how it prunes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExperimentDeclaration, StudyDeclaration } from '../../src/generated/aggregate.ts';
import { composition } from '../../src/report/figures/composition.ts';
import { definitions } from '../../src/report/page/definitions.ts';
import { prunedArms, prunedBy, thresholdText } from '../../src/report/pruned-arms.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { renderReport } from '../../src/report/render-report.ts';
import { readSummary } from '../../src/report/summary.ts';
import { treatmentOf } from '../../src/report/treatment.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { maskFindings } from '../../src/science/results/mask-findings.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { controlsMasks, controlsPieces, controlsStudy } from './controls-fixture.ts';

/** The fixture's study with the stage of its pruning step replaced. */
function withOwnPruning(study: StudyDeclaration): StudyDeclaration {
  const own = ({ params: { prune, ...params }, ...experiment }: ExperimentDeclaration): ExperimentDeclaration => ({
    ...experiment,
    byRound: (experiment.byRound ?? []).map((name) => name.replace(/^prune\.fraction$/, 'wanda.share')),
    params: { ...params, wanda: { share: (prune as { fraction: unknown }).fraction } },
  });
  return {
    ...study,
    steps: { ...study.steps, prune: { ...study.steps['prune']!, stage: 'wanda' } },
    experiments: study.experiments.map(own),
    comparisons: study.comparisons.filter(({ topic }) => topic === 'budget'),
  };
}

let folder: string;
let pages: string;
let lines: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-own-pruning-'));
  const study = { ...withOwnPruning(controlsStudy()), description: 'Do super weights survive?' };
  const pieces = controlsPieces();
  const results = studyResults(
    study,
    pieces,
    await maskFindings(study, controlsMasks(pieces), studyComputations(study, pieces)),
  );
  const resultsPath = join(folder, 'results.json');
  await writeFile(resultsPath, JSON.stringify(results));
  const { files } = await renderReport({ resultsPath, outDir: join(folder, 'report') });
  const html = await Promise.all(files.filter((file) => file.endsWith('.html')).map((file) => readFile(file, 'utf8')));
  pages = html.join('\n').replaceAll('&quot;', '"').replaceAll('\u00a0', ' ');
  lines = (await readSummary(resultsPath)).lines;
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Whether a page says it. The pages are too long for a matcher to print. */
const says = (text: string | RegExp): boolean => (typeof text === 'string' ? pages.includes(text) : text.test(pages));

describe('the report of a study with a pruning stage of its own', () => {
  it('names the stage wherever it says how an arm was pruned', () => {
    expect(says(/Pruned by the study's own stage "wanda" to [\d.]+ % to [\d.]+ % sparsity/)).toBe(true);
    expect(says('of arms pruned by the study\'s own stage "wanda" that still keep it')).toBe(true);
    expect(says('pretrained · pruned by "wanda" · 60 steps')).toBe(true);
    expect(says('The study\'s own stage "wanda" decides what it prunes (share: ')).toBe(true);
    expect(says('· stage "wanda"')).toBe(true);
  });

  it('never calls an arm pruned by magnitude, and gives no threshold, scope or share that nobody declared', () => {
    // Neither of the pruning nor of anything else: what a weight has is an absolute value, and a rank by it.
    expect(/.{0,60}magnitude.{0,60}/i.exec(pages)?.[0]).toBeUndefined();
    expect(lines.join('\n')).not.toMatch(/magnitude/i);
    expect(says(/global threshold (\(|is)/)).toBe(false);
    expect(says('What the threshold spares')).toBe(false);
    expect(says('(stage prune)')).toBe(false);
    expect(says('· no pruning ·')).toBe(false);
    expect(says(/undefined|NaN/)).toBe(false);
  });

  it('still follows the super weights', () => {
    expect(lines.find((line) => line.startsWith('1 Survival'))).toMatch(/kept \d+\/\d+, still matters \d+\/\d+/);
  });

  it('lets lint ask for controls, as of any pruning, without a sparsity that it cannot know', () => {
    const findings = lintStudy(withOwnPruning(controlsStudy()));
    const control = findings.find(({ rule }) => rule === 'missing-control');
    expect(control?.arms).toEqual(['A1', 'B1']);
    expect(findings.map(({ message }) => message).join()).not.toContain('final sparsity');
  });
});

describe('the report of a study whose prune goes by a criterion that it has no words for', () => {
  const study = controlsStudy();
  const resultsOf = (declaration: StudyDeclaration) =>
    studyResults(declaration, controlsPieces()) as unknown as StudyResults;
  /** The study with other criteria in place of those that a test chooses. */
  const withCriteria = (change: (criterion: unknown) => unknown): StudyResults => {
    const experiments = study.experiments.map((experiment) => {
      const { prune, ...params } = experiment.params as Record<string, Record<string, unknown>>;
      return { ...experiment, params: { ...params, prune: { ...prune, criterion: change(prune?.['criterion']) } } };
    });
    return resultsOf({ ...study, experiments });
  };

  it('calls the criterion by its name, and counts the arms among the pruned ones', () => {
    const results = withCriteria((criterion) => (criterion === 'magnitude' ? 'wanda' : criterion));
    const arms = prunedArms(results);
    expect(arms.map(({ id }) => id)).toEqual(prunedArms(resultsOf(study)).map(({ id }) => id));
    expect(prunedBy(results.study, arms)).toBe('by wanda');
    expect(treatmentOf(results.study, arms[0]!)).toContain('by wanda');
  });

  it('speaks of the smallest magnitudes only where they are what is pruned', () => {
    const definitionsWith = (change: (criterion: unknown) => unknown) =>
      definitions(withCriteria(change)).content.source;
    expect(definitionsWith((criterion) => criterion)).toContain('weights with the smallest magnitudes');
    for (const criterion of ['wanda', 'random']) {
      const text = definitionsWith(() => criterion);
      expect(text).not.toContain('weights with the smallest magnitudes');
      expect(text).toContain(`exactly the rounded number; criterion: ${criterion}`);
    }
  });

  it('speaks of a threshold only where there is one', () => {
    const figure = composition(prunedArms, () => '');
    const [arm] = prunedArms(resultsOf(study));
    expect(thresholdText(study, arm!)).toBe('global threshold');
    expect(figure.draw(resultsOf(study)).caption).toContain('One global threshold');
    const other = withCriteria(() => 'wanda');
    expect(thresholdText(other.study, prunedArms(other)[0]!)).toBe('global, criterion wanda');
    expect(figure.draw(other).title).toBe('What the pruning spares: sparsity by kind of tensor');
    expect(figure.draw(other).caption).not.toContain('threshold');
  });

  it('names no criterion where everything that is pruned is a control', () => {
    expect(prunedBy(withCriteria(() => 'random').study, [])).toBe('by a criterion');
  });
});
