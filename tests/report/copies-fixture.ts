/** A study some of whose seeds are copies of others. */
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';

export type AnyPiece = Piece<unknown>;

export function mapPieces(all: StudyPieces, change: (own: AnyPiece[]) => AnyPiece[]): StudyPieces {
  return Object.fromEntries(
    Object.entries(all).map(([kind, own]) => [kind, change(own as AnyPiece[])]),
  ) as unknown as StudyPieces;
}

/**
 * Every run of some seeds once more, as further seeds. What exists of them has keys of its own; what is missing, the
 * same.
 * @param seeds one for each copy
 */
export function withCopies(
  study: StudyDeclaration,
  pieces: StudyPieces,
  seeds: readonly number[],
): { study: StudyDeclaration; pieces: StudyPieces } {
  const nameOf = (seed: number, copy: number) => 100 * (copy + 1) + seed;
  return {
    study: {
      ...study,
      experiments: study.experiments.map((experiment) => ({
        ...experiment,
        seeds: [
          ...experiment.seeds,
          ...seeds.flatMap((seed, copy) => (experiment.seeds.includes(seed) ? [nameOf(seed, copy)] : [])),
        ],
      })),
    },
    pieces: mapPieces(pieces, (own) => [
      ...own,
      ...seeds.flatMap((seed, copy) =>
        own
          .filter(({ label }) => label.seed === seed)
          .map((piece) => ({
            ...piece,
            key: piece.content === undefined ? piece.key : `${piece.key.slice(0, 60)}${nameOf(seed, copy)}`,
            label: { ...piece.label, seed: nameOf(seed, copy) },
          })),
      ),
    ]),
  };
}
