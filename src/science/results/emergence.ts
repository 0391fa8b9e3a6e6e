/** When and where super weights appear in training: what every detection of an emergence arm found. */
import { groupBy } from '../../base/groups.ts';
import type { EmergencePoint } from '../../generated/results.ts';
import type { Candidate, SuperWeightReport } from '../../generated/super-weights.ts';
import type { Arm } from './paired-difference.ts';
import { paramOf } from '../study-declaration.ts';
import type { PhaseOf, Piece } from './study-pieces.ts';

/** One entry per measured moment of every run with the role `emergence`, missing detections and losses included. */
export function emergencePoints(
  arms: Arm[],
  detections: Piece<SuperWeightReport>[],
  phaseOf: PhaseOf,
): EmergencePoint[] {
  const reports = groupBy(detections, ({ label }) => momentOf(label, phaseOf(label)));
  return arms
    .filter(({ experiment }) => experiment.role === 'emergence')
    .flatMap(({ experiment, runs }) =>
      runs.flatMap(({ seed, computation, measurements }) =>
        measurements.map(({ round, phase, step, evaluation, detection }) => {
          const report = reports.get(momentOf({ experiment: experiment.id, seed, round }, phase))?.[0]?.content;
          return {
            experiment: experiment.id,
            scheme: paramOf(experiment, 'init', 'scheme') ?? null,
            seed,
            run: computation,
            round,
            step,
            loss: evaluation?.loss ?? null,
            excess: evaluation?.excess ?? null,
            confirmed: detection?.confirmed?.length ?? null,
            best: report === undefined ? null : best(report),
            superWeights: detection?.confirmed ?? [],
          };
        }),
      ),
    );
}

function momentOf(
  { experiment, seed, round }: { experiment: string; seed: number; round: number },
  phase: string,
): string {
  return `${experiment}/${seed}/${round}/${phase}`;
}

/** The candidate that cost most when it was zeroed, whether or not it passed. */
function best(report: SuperWeightReport): EmergencePoint['best'] {
  const found = report.candidates.reduce<Candidate | undefined>(
    (most, each) => (most === undefined || each.effect > most.effect ? each : most),
    undefined,
  );
  if (found === undefined) return null;
  const { coordinate, effect, effectStandardError, rank, inputRatio, outputRatio } = found;
  return { coordinate, effect, effectStandardError, rank, inputRatio, outputRatio };
}
