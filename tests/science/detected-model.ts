/** Detections of planted models, for the tests of their parts. */
import type { Coordinate } from '../../src/generated/super-weights.ts';
import {
  detectSuperWeights,
  type DetectionContext,
  type DetectionRule,
  type ReferenceReport,
} from '../../src/science/super-weights.ts';
import { down, isOrdinary, ORDINARY, PlantedModel, SPECIAL, type Plan } from './planted-model.ts';

export const RULE: DetectionRule = {
  ordinaryQuantile: 1,
  spikeRatio: 4,
  contributions: 0,
  jointSize: 1,
  jointFactor: 2,
  minimumEffect: 0.1,
  controlFactor: 5,
  controlsPerKind: 2,
  maximumTwins: 0,
  rescans: 2,
  ablateLargest: 0,
  seed: 1,
};
export const sequence = [SPECIAL, ORDINARY, ORDINARY, ORDINARY];
export const data = {
  spikes: Int32Array.from([...sequence, ...sequence, ...sequence]),
  causal: Int32Array.from([...sequence, ...sequence, ...sequence]),
  isOrdinary,
};
/** A weight with a spike, the largest of its tensor, that costs 2 nats: a super weight. */
export const planted: Plan = {
  spikes: [{ layer: 0, row: 2, col: 3, height: 40 }],
  weights: [{ ...down(0, 2, 3), value: -4 }],
  costs: [{ ...down(0, 2, 3), cost: 2 }],
};

export function detect(plan: Plan, context: DetectionContext = {}, changes: Partial<DetectionRule> = {}) {
  return detectSuperWeights(new PlantedModel(plan), data, { ...RULE, ...changes }, context);
}

export function coordinate(layer: number, row: number, col: number, value: number): Coordinate {
  return { ...down(layer, row, col), layer, value };
}

/** A reference that names super weights and no controls. */
export const following = (...confirmed: Coordinate[]): ReferenceReport => ({ confirmed, candidates: [] });
