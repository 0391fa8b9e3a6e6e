/** The results of a whole study: what the stage aggregate writes and the report renders. */
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import type { Results, StartAblation } from '../../generated/results.ts';
import { lintStudy } from '../lint/lint.ts';
import { isPositiveControl, sameLength, trainsAlike } from '../positive-control.ts';
import { paramOf } from '../study-declaration.ts';
import { comparisonResults } from './comparison-results.ts';
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
 * @param masks what the masks say, which are read on their own (mask-findings.ts)
 */
export function studyResults(study: StudyDeclaration, pieces: StudyPieces, masks: MaskFindings = NO_MASKS): Results {
  const { confidence } = study.analysis;
  const lint = lintStudy(study);
  const phaseOf = declaredPhases(study);
  const arms: Arm[] = study.experiments.map((experiment) => ({
    experiment,
    runs: experiment.seeds.map((seed) =>
      runResult(
        { experiment: experiment.id, seed },
        piecesOfRun(pieces, experiment.id, seed),
        referencePhase(experiment),
        phaseOf,
      ),
    ),
  }));
  return {
    version: 3,
    study: { ...study },
    floor: commonFloor(pieces),
    runs: arms.flatMap(({ runs }) => runs),
    experiments: arms.map(({ experiment, runs }) =>
      experimentResult(study, experiment, runs, controlFor(study, experiment, arms)),
    ),
    comparisons: comparisonResults({ study, arms, lint, masks: masks.arms }),
    ablations: startAblations(study, pieces.superWeights, phaseOf),
    masks: masks.masks,
    recovery: masks.recovery,
    sweetSpots: sweetSpots(study, arms),
    variance: arms.map((arm) => runVariance(arm, confidence)),
    emergence: emergencePoints(arms, pieces.superWeights, phaseOf),
    lint,
  };
}

/**
 * Pretrained arms follow the super weights of the starting model; re-initialised ones those that emerged in round 1's
 * training, since nothing of the checkpoint is left in them.
 */
function referencePhase(experiment: ExperimentDeclaration): 'start' | 'trained' {
  return paramOf(experiment, 'init', 'scheme') === 'pretrained' ? 'start' : 'trained';
}

/**
 * The positive control that trains as this experiment does and ends where it does; failing that, the first one (the
 * report names what differs).
 */
function controlFor(study: StudyDeclaration, experiment: ExperimentDeclaration, arms: Arm[]): Arm | undefined {
  const controls = arms.filter((arm) => isPositiveControl(arm.experiment));
  return (
    controls.find((arm) => sameLength(arm.experiment, experiment) && trainsAlike(study, arm.experiment, experiment)) ??
    controls[0]
  );
}

function piecesOfRun(pieces: StudyPieces, experiment: string, seed: number): StudyPieces {
  const own = <Content>(all: Piece<Content>[]) =>
    all.filter(({ label }) => label.experiment === experiment && label.seed === seed);
  return {
    curves: own(pieces.curves),
    prunings: own(pieces.prunings),
    evaluations: own(pieces.evaluations),
    superWeights: own(pieces.superWeights),
  };
}

/** The entropy floor, if the evaluations know one and agree on it. */
function commonFloor({ evaluations }: StudyPieces): number | null {
  const floors = new Set(evaluations.flatMap(({ content }) => (content === undefined ? [] : [content.floor])));
  return floors.size === 1 ? ([...floors][0] ?? null) : null;
}

/** One entry per starting model in which the largest weights were zeroed one by one. Arms share starting models. */
function startAblations(
  study: StudyDeclaration,
  detections: StudyPieces['superWeights'],
  phaseOf: PhaseOf,
): StartAblation[] {
  // By content: under another seed one checkpoint has another key, and is still one model.
  const byContent = new Map<string, StartAblation>();
  for (const { label, key, content } of detections) {
    if (content === undefined || content.ablation.length === 0 || phaseOf(label) !== 'start') continue;
    const identity = JSON.stringify([content.baselineLoss, content.ablation]);
    const known = byContent.get(identity);
    if (known !== undefined) {
      if (!known.experiments.includes(label.experiment)) known.experiments.push(label.experiment);
      continue;
    }
    const confirmed = confirmedSuperWeights(content);
    const experiment = study.experiments.find(({ id }) => id === label.experiment);
    byContent.set(identity, {
      seed: label.seed,
      experiments: [label.experiment],
      scheme: (experiment && paramOf(experiment, 'init', 'scheme')) ?? null,
      key,
      baselineLoss: content.baselineLoss,
      causalTokens: content.causalTokens,
      confirmed,
      weights: content.ablation.map(({ coordinate, rank, effect }) => ({
        coordinate,
        rank,
        effect,
        confirmed: confirmed.some((superWeight) => sameWeight(superWeight.coordinate, coordinate)),
      })),
    });
  }
  return [...byContent.values()].sort((a, b) => a.seed - b.seed);
}
