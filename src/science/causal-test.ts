/** The two conditions of a super weight, one by one: its spikes, and what zeroing it costs. */
import type { Candidate } from '../generated/super-weights.ts';
import type { DetectionRule } from './super-weights.ts';

/** The smaller of a coordinate's two spikes, in multiples of the ordinary maximum. */
export function smallerRatio({ inputRatio, outputRatio }: Candidate): number {
  return Math.min(inputRatio, outputRatio);
}

/** Whether a coordinate's spikes are large enough to make it a candidate. */
export function isCandidate(candidate: Candidate, { spikeRatio }: Pick<DetectionRule, 'spikeRatio'>): boolean {
  return smallerRatio(candidate) >= spikeRatio;
}

/** Whether zeroing it costs enough, in itself and against its controls, whatever its spikes are. */
export function passesCausalTest(
  { effect, controls, worstControl }: Candidate,
  { minimumEffect, controlFactor }: Pick<DetectionRule, 'minimumEffect' | 'controlFactor'>,
): boolean {
  return effect >= minimumEffect && controls.some(({ twin }) => !twin) && effect >= controlFactor * worstControl;
}
