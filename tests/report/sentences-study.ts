/**
 * Studies for the tests of sentences: made so that ranges over runs and over means of arms, declared and distinct runs,
 * and arms with and without a super weight all differ.
 */
import type { StudyResults } from '../../src/report/read-results.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from './study-fixture.ts';

export const plain = (steps: number) => ({ steps: repeat(steps, 3), fractions: repeat(0.2, 2) });
export const UNPRUNED: FixtureArm = {
  id: 'unpruned',
  description: 'Not pruned.',
  role: 'positive-control',
  steps: repeat(60, 3),
  fractions: [0, 0],
};
export const A: FixtureArm = { id: 'A', description: 'Pruned.', ...plain(60) };

export function resultsOf(
  arms: FixtureArm[],
  change: (study: StudyDeclaration, pieces: StudyPieces) => void = () => undefined,
): StudyResults {
  const study = { ...fixtureStudy(arms), comparisons: [] as StudyDeclaration['comparisons'] };
  const pieces = fixturePieces(arms);
  change(study, pieces);
  return studyResults(study, pieces) as unknown as StudyResults;
}

/** Every seed of an experiment leaves what its first one does. */
export function withCopies(experiment: string): (study: StudyDeclaration, pieces: StudyPieces) => void {
  return (_study, pieces) => {
    const copied = <Content>(all: Piece<Content>[]) => {
      for (const piece of all) {
        const { label } = piece;
        const first = all.find(
          (each) =>
            each.label.experiment === experiment &&
            each.label.seed === 0 &&
            each.label.round === label.round &&
            each.label.step === label.step,
        );
        if (label.experiment === experiment && first?.content !== undefined) piece.content = first.content;
      }
    };
    copied(pieces.curves);
    copied(pieces.prunings);
    copied(pieces.evaluations);
    copied(pieces.superWeights);
  };
}

const topic = (id: string) => QUESTIONS.find((page) => page.id === id)!;
export const brief = (results: StudyResults, id: string) => topic(id).brief(results);
export const answer = (results: StudyResults, id: string) => topic(id).answer(results);
/** What the page opens with. */
export const opening = (results: StudyResults, id: string) =>
  `${topic(id).answer(results)}${topic(id).context?.(results) ?? ''}`;
