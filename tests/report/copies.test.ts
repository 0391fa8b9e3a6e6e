/** Copies of runs under further seeds, and of an arm under another name, change nothing that the report says. */
import { expect, it } from 'vitest';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { increaseRows } from '../../src/report/increase.ts';
import { plainSummary } from '../../src/report/page/summary-text.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import { maskFindings, type MaskPiece } from '../../src/science/results/mask-findings.ts';
import type { StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { CONTROL_ARMS, controlsMasks, controlsPieces, controlsStudy } from './controls-fixture.ts';
import { mapPieces, withCopies } from './copies-fixture.ts';

const study = controlsStudy(CONTROL_ARMS);
const pieces = controlsPieces(CONTROL_ARMS);

async function resultsOf(of: { study: StudyDeclaration; pieces: StudyPieces }, masks: MaskPiece[]) {
  const found = await maskFindings(of.study, masks, studyComputations(of.study, of.pieces));
  return studyResults(of.study, of.pieces, found) as unknown as StudyResults;
}

/** Every sentence that is made of numbers. */
function said(results: StudyResults): Record<string, string> {
  return Object.fromEntries([
    ['summary', plainSummary(results).join(' ')],
    ...QUESTIONS.flatMap(({ id, answer, brief, figures }) => [
      [`${id}: answer`, answer(results)],
      [`${id}: brief`, brief(results)],
      ...figures.map(({ entry, ids }) => [[...ids.values()].join(), entry.finding(results)]),
    ]),
  ]) as Record<string, string>;
}

it('copies under further seeds', async () => {
  const seeds = [0, 2];
  const masks = controlsMasks(pieces);
  const copiedMasks = seeds.flatMap((seed, copy) =>
    masks
      .filter(({ label }) => label.seed === seed)
      .map((piece) => ({ ...piece, label: { ...piece.label, seed: 100 * (copy + 1) + seed } })),
  );
  const plain = await resultsOf({ study, pieces }, masks);
  const copied = await resultsOf(withCopies(study, pieces, seeds), [...masks, ...copiedMasks]);
  expect(said(copied)).toEqual(said(plain));
  for (const { id } of study.experiments) expect(increaseRows(copied, id)).toEqual(increaseRows(plain, id));
});

it('a second name of an arm', async () => {
  const [first] = CONTROL_ARMS;
  const again = { ...study.experiments[0]!, id: 'again' };
  const twins = {
    study: { ...study, experiments: [...study.experiments, again] },
    pieces: mapPieces(pieces, (own) => [
      ...own,
      ...own
        .filter(({ label }) => label.experiment === first!.id)
        .map((piece) => ({ ...piece, label: { ...piece.label, experiment: 'again' } })),
    ]),
  };
  const plain = said(await resultsOf({ study, pieces }, []));
  const named = Object.entries(said(await resultsOf(twins, []))).map(([place, text]) => [
    place,
    text.replaceAll(`${first!.id} = again`, first!.id),
  ]);
  expect(Object.fromEntries(named)).toEqual(plain);
});
