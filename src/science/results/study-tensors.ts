/** What the tensors of a study's models are called in tables and figures: the models' families say it. */
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { Coordinate, SuperWeightReport } from '../../generated/super-weights.ts';
import type { TensorTable } from '../../model/decoder/family.ts';
import type { Piece } from './study-pieces.ts';

/** By experiment. Those whose model is not known are left out. */
export type StudyTensors = ReadonlyMap<string, TensorTable>;

/** @param tensorsOf undefined for a model that is not known */
export async function studyTensors(
  { experiments }: StudyDeclaration,
  tensorsOf: (model: string) => Promise<TensorTable | undefined>,
): Promise<StudyTensors> {
  const byModel = new Map<string, TensorTable | undefined>();
  for (const model of new Set(experiments.map((experiment) => experiment.model)))
    byModel.set(model, await tensorsOf(model));
  return new Map(
    experiments.flatMap(({ id, model }) => {
      const tensors = byModel.get(model);
      return tensors === undefined ? [] : [[id, tensors]];
    }),
  );
}

/** Detections whose coordinates say the kind of their tensor, too. */
export function withKinds(
  pieces: readonly Piece<SuperWeightReport>[],
  study: StudyTensors,
): Piece<SuperWeightReport>[] {
  return pieces.map((piece) => {
    if (piece.content === undefined) return piece;
    const tensors = study.get(piece.label.experiment);
    const named = (coordinate: Coordinate): Coordinate & { kind?: string } => {
      const kind = tensors?.get(coordinate.tensor)?.kind;
      return kind === undefined ? coordinate : { ...coordinate, kind };
    };
    const all = <Entry extends { coordinate: Coordinate }>(entries: readonly Entry[]): Entry[] =>
      entries.map((entry) => ({ ...entry, coordinate: named(entry.coordinate) }));
    const { candidates, confirmed, survival, ablation } = piece.content;
    return {
      ...piece,
      content: {
        ...piece.content,
        candidates: all(candidates),
        confirmed: confirmed.map(named),
        survival: all(survival),
        ablation: all(ablation),
      },
    };
  });
}
