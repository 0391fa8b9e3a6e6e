/** Renders reports of made-up studies. */
import { mkdtempSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Results } from '../../src/generated/results.ts';
import { renderReport, type RenderedReport } from '../../src/report/render-report.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

/** Of all files of tests that this process runs: they share this module. It goes at the end of the run. */
export const folder = mkdtempSync(join(inject('suiteFolder'), 'report-'));

let renders = 0;
/** Renders a report of its own. */
export async function render(
  results: Results,
): Promise<RenderedReport & { page: string; outDir: string; resultsPath: string }> {
  const resultsPath = join(folder, `results-${++renders}.json`);
  const outDir = join(folder, `report-${renders}`);
  await writeFile(resultsPath, JSON.stringify(results));
  const report = await renderReport({ resultsPath, outDir });
  return { ...report, page: await readFile(report.html, 'utf8'), outDir, resultsPath };
}

/** A study of a few of the fixture's experiments. */
export function part(ids: string[], change: (pieces: StudyPieces) => StudyPieces = (pieces) => pieces): Results {
  const study = fixtureStudy();
  study.experiments = study.experiments.filter(({ id }) => ids.includes(id));
  study.comparisons = [];
  const own = <Content>(pieces: Piece<Content>[]) => pieces.filter(({ label }) => ids.includes(label.experiment));
  const { curves, prunings, evaluations, superWeights } = fixturePieces();
  return studyResults(
    study,
    change({
      curves: own(curves),
      prunings: own(prunings),
      evaluations: own(evaluations),
      superWeights: own(superWeights),
    }),
  );
}

/** What a page says. */
export const text = (page: string) => page.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
