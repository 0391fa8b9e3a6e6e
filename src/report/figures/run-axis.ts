/** The horizontal axis on which a run's rounds are drawn. */
import type { Measurement } from '../../generated/results.ts';
import type { Spec } from '../chart.ts';

/**
 * Where in its run a measurement is drawn, in rounds: the starting model at 0, round r's prune at r, and the training
 * after it at r + 0.5, so that each round reads prune, retrain.
 */
export function withinRun({ round, phase }: Pick<Measurement, 'round' | 'phase'>): number {
  return phase === 'trained' ? round - 0.5 : round;
}

/** The x channel of panels by round: field `at`, from the starting model to the last training. */
export function roundChannel(rounds: number, withTitle: boolean): Spec {
  return {
    field: 'at',
    type: 'quantitative',
    scale: { domain: [-0.2, rounds + 1], nice: false },
    axis: { title: withTitle ? 'round' : null, tickMinStep: 1, grid: false, format: 'd', tickCount: 6 },
  };
}
