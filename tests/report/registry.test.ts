/** Pages and figures follow from src/report/registry.ts: their numbers, letters, files, and the list in the docs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import aggregateSchema from '../../schemas/stages/aggregate.schema.json' with { type: 'json' };
import pipelineSchema from '../../schemas/pipeline.schema.json' with { type: 'json' };
import { packageRoot } from '../../src/base/package-root.ts';
import { OVERVIEW_FIGURE, QUESTIONS, type PlacedFigure } from '../../src/report/registry.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { controlsResults } from './controls-fixture.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

const ALL: PlacedFigure[] = [OVERVIEW_FIGURE, ...QUESTIONS.flatMap(({ figures }) => figures)];
const idsOf = (figures: readonly PlacedFigure[]) => figures.flatMap(({ ids }) => [...ids.values()]);

describe('the registry', () => {
  it('has a page for each topic that a comparison can name, in the order of the schema', () => {
    const { topic } = pipelineSchema.definitions.comparison.properties;
    expect(QUESTIONS.map(({ id }) => id)).toEqual(topic.enum);
    const declared = aggregateSchema.properties.study.properties.comparisons.items.properties.topic;
    expect(declared.enum).toEqual(topic.enum);
    expect(QUESTIONS.map(({ file }) => file)).toEqual(topic.enum.map((id, index) => `${index + 1}-${id}.html`));
  });

  it('letters the plots of a page in their order, from top to bottom', () => {
    expect(idsOf([OVERVIEW_FIGURE])).toEqual(['0-at-a-glance']);
    for (const { number, figures } of QUESTIONS) {
      const ids = idsOf(figures);
      expect(ids.map((id) => id.slice(0, 3))).toEqual(
        ids.map((_, index) => `${number}${'abcdefghijklmnopqrstuvwxyz'[index]}-`),
      );
    }
    expect(idsOf(QUESTIONS[0]!.figures).slice(0, 5)).toEqual([
      '1a-survival',
      '1b-rank',
      '1c-margin',
      '1d-effect',
      '1e-counts',
    ]);
    expect(new Set(idsOf(ALL)).size).toBe(idsOf(ALL).length);
  });

  it('gives every plot that is drawn the letter it has in the list, whatever a study has to draw', async () => {
    const small = studyResults(fixtureStudy(), fixturePieces());
    for (const results of [small, await controlsResults()] as unknown as StudyResults[])
      for (const { entry, ids } of ALL)
        for (const { name } of entry.draw(results).plots) expect([...ids.keys()]).toContain(name);
  });

  it('is what docs/report.md lists', async () => {
    const rows = ALL.map(
      ({ entry, ids }) => `| ${[...ids.values()].map((id) => `\`${id}\``).join(', ')} | ${entry.shows} |`,
    );
    const table = ['| files | what they show |', '|---|---|', ...rows, ''].join('\n');
    const path = join(packageRoot, 'docs/report.md');
    const docs = await readFile(path, 'utf8');
    const listed = /(?<=## The figures\n\n(?:.+\n)+\n)(?:\|.*\n)+/.exec(docs)?.[0];
    expect(listed, 'docs/report.md has a table in "The figures"').toBeDefined();
    // A file snapshot, so that `npx vitest run tests/report/registry.test.ts -u` writes the table.
    await expect(docs.replace(listed!, () => table)).toMatchFileSnapshot(path);
  });
});
