/**
 * Names are data. A study whose names are those that objects of JavaScript inherit, or words of the language, gives the
 * same results, pages and figures as one with plain names, but for the names.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { renderReport } from '../../src/report/render-report.ts';

import { maskFindings, type MaskPiece } from '../../src/science/results/mask-findings.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { controlsMasks, controlsPieces, controlsStudy } from './controls-fixture.ts';

/**
 * Names, each beside a plain one of the same letters: it is as wide, so that nothing in a figure moves. A figure of
 * DejaVu Sans is as wide as the sign of the euro.
 */
const NAMES = [
  ['rotcurtsnoc', 'constructor'],
  ['gnirtSot', 'toString'],
  ['__otorp__', '__proto__'],
  ['ytreporPnwOsah', 'hasOwnProperty'],
  ['fOeulav', 'valueOf'],
  ['epytotorp', 'prototype'],
  ['htgnel', 'length'],
  ['neht', 'then'],
  ['NOSJot', 'toJSON'],
  ['tluafed', 'default'],
  ['NNa', 'NaN'],
  ['llun', 'null'],
  ['\u20ac', '0'],
] as const;

/** The made-up study with one of the two names of each pair wherever somebody names anything, as far as they go. */
function namedStudy(side: 0 | 1): { study: StudyDeclaration; pieces: StudyPieces; masks: MaskPiece[] } {
  const naming = (given: Iterable<string>) => {
    const names = new Map([...new Set(given)].map((name, index) => [name, NAMES[index]?.[side] ?? name]));
    return (name: string) => names.get(name)!;
  };
  const study = controlsStudy();
  const arm = naming(study.experiments.map(({ id }) => id));
  const step = naming(Object.keys(study.steps));
  const comparison = naming(study.comparisons.map(({ name }) => name));
  const family = naming(study.comparisons.map(({ family }) => family));
  const pieces = controlsPieces();
  const masks = controlsMasks(pieces);
  for (const { label } of [...Object.values(pieces).flat(), ...masks] as Piece<unknown>[]) {
    label.experiment = arm(label.experiment);
    label.step = step(label.step);
  }
  return {
    study: {
      ...study,
      name: NAMES[0][side],
      profile: { ...study.profile, name: NAMES[1][side] },
      steps: Object.fromEntries(Object.entries(study.steps).map(([name, each]) => [step(name), each])),
      experiments: study.experiments.map((each) => ({ ...each, id: arm(each.id), model: NAMES[2][side] })),
      comparisons: study.comparisons.map((each) => ({
        ...each,
        name: comparison(each.name),
        family: family(each.family),
        arms: each.arms.map(arm) as typeof each.arms,
      })),
    },
    pieces,
    masks,
  };
}

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'swp-names-'))));
afterAll(() => rm(folder, { recursive: true }));

async function report(side: 0 | 1) {
  const { study, pieces, masks } = namedStudy(side);
  const results = studyResults(study, pieces, await maskFindings(study, masks, studyComputations(study, pieces)));
  const resultsPath = join(folder, `${side}.json`);
  await writeFile(resultsPath, JSON.stringify(results));
  const { files, highlights } = await renderReport({ resultsPath, outDir: join(folder, String(side)) });
  const texts = files.filter((file) => !file.endsWith('.png'));
  const contents = await Promise.all(texts.map((file) => readFile(file, 'utf8')));
  return {
    highlights,
    files: new Map(texts.map((file, index) => [relative(join(folder, String(side)), file), contents[index]!])),
  };
}

it('whatever arms, steps, comparisons and families are called, results and figures differ in the names alone', async () => {
  const [plain, hostile] = [await report(0), await report(1)];
  const told = (text: string) => NAMES.reduce((all, [name, other]) => all.replaceAll(name, other), text);
  expect([...hostile.files.keys()]).toEqual([...plain.files.keys()]);
  const digest = /[0-9a-f]{16,64}/g; // of results.json, which pages show
  for (const [file, text] of plain.files) {
    const [here, there] = [hostile.files.get(file)!, told(text)].map((each) => each.replace(digest, ''));
    expect.soft(here === there, file).toBe(true);
  }
}, 300_000);
