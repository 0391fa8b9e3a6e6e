/**
 * Metrics of swp's own stages that no artifact has under their own name, but that follow from one: counts of what it
 * lists, for the most part. Derived here by themselves, and not by the stages' code, so that the two check each other.
 */
import type { Metrics } from '../engine/stage.ts';
import { largest } from '../base/extremes.ts';
import { entryOf } from '../base/json.ts';
import type { LossCurve } from '../generated/curve.ts';
import type { DetectorRates } from '../generated/detector-rates.ts';
import type { PlantedSpikes } from '../generated/planted-spikes.ts';
import type { Pruning } from '../generated/pruning.ts';
import type { Results } from '../generated/results.ts';
import type { SuperWeightReport } from '../generated/super-weights.ts';

/** By stage, then by artifact. */
const COUNTED: Record<string, Record<string, (content: never) => Metrics>> = {
  'detect-sw': {
    superWeights: ({ search, confirmed, candidates, survival }: SuperWeightReport) => ({
      confirmed: search === 'none' ? null : confirmed.length,
      place: confirmed[0] ? `layer ${confirmed[0].layer} [${confirmed[0].row}, ${confirmed[0].col}]` : null,
      topEffect: candidates.length === 0 ? null : largest(candidates.map(({ effect }) => effect)),
      referenceKept: survival.filter(({ kept }) => kept).length,
      referenceDisconnected: survival.filter(({ disconnected }) => disconnected).length,
      referenceFunctional: survival.filter(({ functional }) => functional).length,
      reference: survival.length,
    }),
  },
  prune: {
    pruning: ({ forced, protected: safe }: Pruning) => ({
      forced: forced.length,
      spared: safe.filter(({ spared }) => spared).length,
    }),
  },
  train: { curve: ({ firstStep, steps }: LossCurve) => ({ cumulativeStep: firstStep + steps }) },
  aggregate: {
    results: ({ runs, experiments }: Results) => ({
      runs: runs.length,
      incomplete: runs.filter(({ status }) => status === 'incomplete').length,
      experiments: experiments.length,
    }),
  },
  'rate-detector': {
    rates: ({ trained, random }: DetectorRates) => ({
      experiments: trained.length,
      plantedModels: random?.models ?? 0,
    }),
  },
  'plant-spikes': {
    planted: ({ models }: PlantedSpikes) => {
      const planted = models.flatMap((model) => model.planted);
      return {
        models: models.length,
        planted: planted.length,
        located: planted.filter(({ located }) => located).length,
        candidates: planted.filter(({ candidate }) => candidate).length,
        falseCandidates: models.reduce((sum, { candidates }) => sum + candidates, 0),
        falselyConfirmed: models.reduce((sum, { confirmed }) => sum + confirmed, 0),
      };
    },
  },
};

/**
 * @param stage one of swp's own
 * @param content of its JSON artifact
 * @returns nothing for an artifact of another form, such as a version of swp had whose records explain
 */
export function countedMetrics(stage: string, artifact: string, content: unknown): Metrics {
  const count = entryOf(entryOf(COUNTED, stage), artifact);
  try {
    return count?.(content as never) ?? {};
  } catch (error) {
    if (error instanceof TypeError) return {};
    throw error;
  }
}
