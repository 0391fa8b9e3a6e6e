/** The results of a whole study: what the stage aggregate writes and the report renders. */
import { groupBy } from '../../base/groups.ts';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { Evaluation } from '../../generated/evaluation.ts';
import type { Results, StartAblation } from '../../generated/results.ts';
import { lintStudy } from '../lint/lint.ts';
import { ControlSearch, isPositiveControl } from '../positive-control.ts';
import { followsReference, referencePhase } from '../reference-sets.ts';
import { paramOf } from '../study-declaration.ts';
import { comparisonResults } from './comparison-results.ts';
import { Computations, runName, sameRuns, twins } from './computations.ts';
import { emergencePoints } from './emergence.ts';
import { experimentResult } from './experiment-results.ts';
import { NO_MASKS, type MaskFindings } from './mask-findings.ts';
import type { Arm } from './paired-difference.ts';
import { confirmedSuperWeights, runResult, sameWeight } from './run-results.ts';
import { runVariance } from './run-variance.ts';
import { declaredPhases, type PhaseOf, type Piece, type StudyPieces } from './study-pieces.ts';
import { sweetSpots } from './sweet-spot.ts';

/**
 * Gathers every declared run. A run without a single piece is listed as incomplete; nothing is left out.
 * @param pretrained training steps of the models' checkpoints, by model; unknown of those that are left out
 * @param masks what the masks say, which are read on their own (mask-findings.ts)
 */
export function studyResults(
  study: StudyDeclaration,
  pieces: StudyPieces,
  masks: MaskFindings = NO_MASKS,
  computations: Computations = studyComputations(study, pieces),
  pretrained: ReadonlyMap<string, number> = new Map(),
): Results {
  const { confidence } = study.analysis;
  const lint = lintStudy(study);
  const phaseOf = declaredPhases(study);
  const ofRun = piecesByRun(pieces);
  const measuredArms = study.experiments.map((experiment) => ({
    experiment,
    runs: experiment.seeds.map((seed) =>
      runResult({ experiment: experiment.id, seed }, ofRun(experiment.id, seed), {
        referencePhase: referencePhase(experiment),
        isFollowed: followsReference(experiment),
        phaseOf,
        computations,
        analysis: study.analysis,
      }),
    ),
  }));
  const same = sameRuns(measuredArms.flatMap(({ runs }) => runs));
  const arms: Arm[] = measuredArms.map(({ experiment, runs }) => ({
    experiment,
    runs: runs.map((run) => ({ ...run, computation: same.get(runName(run))! })),
  }));
  const twinOf = twins(arms.flatMap(({ runs }) => runs));
  const controls = new ControlSearch(
    study,
    arms.filter((arm) => isPositiveControl(arm.experiment)),
  );
  return {
    version: 4,
    study: { ...study },
    floor: commonTo(pieces, ({ floor }) => floor),
    surprisal: commonTo(pieces, ({ surprisal }) => surprisal),
    runs: arms.flatMap(({ runs }) => runs),
    experiments: arms.map((arm) => experimentResult(study, arm, controls, twinOf.get(arm.experiment.id))),
    comparisons: comparisonResults({ study, arms, lint, pretrained, masks: masks.arms }),
    ablations: startAblations(study, pieces.superWeights, phaseOf),
    masks: masks.masks,
    recovery: masks.recovery,
    sweetSpots: sweetSpots(study, arms, controls),
    variance: arms.map((arm) => runVariance(arm, confidence)),
    emergence: emergencePoints(arms, pieces.superWeights, phaseOf),
    lint,
  };
}

/** The computations behind everything that was measured. */
export function studyComputations(
  study: StudyDeclaration,
  pieces: Pick<StudyPieces, 'evaluations' | 'superWeights'>,
): Computations {
  const runs = study.experiments.flatMap(({ id, seeds }) => seeds.map((seed) => ({ experiment: id, seed })));
  return new Computations(runs, pieces, declaredPhases(study));
}

function piecesByRun(pieces: StudyPieces): (experiment: string, seed: number) => StudyPieces {
  const runOf = (experiment: string, seed: number) => `${experiment}/${seed}`;
  const byRun = <Content>(all: Piece<Content>[]) => groupBy(all, ({ label }) => runOf(label.experiment, label.seed));
  const [curves, prunings, evaluations, superWeights] = [
    byRun(pieces.curves),
    byRun(pieces.prunings),
    byRun(pieces.evaluations),
    byRun(pieces.superWeights),
  ];
  return (experiment, seed) => {
    const run = runOf(experiment, seed);
    return {
      curves: curves.get(run) ?? [],
      prunings: prunings.get(run) ?? [],
      evaluations: evaluations.get(run) ?? [],
      superWeights: superWeights.get(run) ?? [],
    };
  };
}

/** What the evaluations say of the language, if they know it and agree on it. */
function commonTo({ evaluations }: StudyPieces, of: (evaluation: Evaluation) => number | null): number | null {
  const values = new Set(evaluations.flatMap(({ content }) => (content === undefined ? [] : [of(content)])));
  return values.size === 1 ? ([...values][0] ?? null) : null;
}

/** One entry per starting model in which the largest weights were zeroed one by one. Arms share starting models. */
function startAblations(
  study: StudyDeclaration,
  detections: StudyPieces['superWeights'],
  phaseOf: PhaseOf,
): StartAblation[] {
  // By content: under another seed one checkpoint has another key, and is still one model.
  const byContent = new Map<string, StartAblation>();
  const experiments = new Map(study.experiments.map((experiment) => [experiment.id, experiment]));
  for (const { label, key, content } of detections) {
    if (content === undefined || content.ablation.length === 0 || phaseOf(label) !== 'start') continue;
    const identity = JSON.stringify([content.baselineLoss, content.ablation]);
    const known = byContent.get(identity);
    if (known !== undefined) {
      if (known.experiments.at(-1) !== label.experiment && !known.experiments.includes(label.experiment))
        known.experiments.push(label.experiment);
      continue;
    }
    const confirmed = confirmedSuperWeights(content);
    const experiment = experiments.get(label.experiment);
    byContent.set(identity, {
      seed: label.seed,
      experiments: [label.experiment],
      scheme: (experiment && paramOf(experiment, 'init', 'scheme')) ?? null,
      key,
      baselineLoss: content.baselineLoss,
      causalTokens: content.causalTokens,
      confirmed,
      weights: content.ablation.map(({ coordinate, rank, effect, effectStandardError }) => ({
        coordinate,
        rank,
        effect,
        effectStandardError,
        confirmed: confirmed.some((superWeight) => sameWeight(superWeight.coordinate, coordinate)),
      })),
    });
  }
  return [...byContent.values()].sort((a, b) => a.seed - b.seed);
}
