/**
 * The optimizer as a graph, for devices that keep the state: masking, clipping to the global norm, AdamW (Loshchilov &
 * Hutter 2019, algorithm 2), masking. The operations are those of the WebAssembly kernel
 * (src/compute/kernel/optimizer.ts), in the same order and all in float32. The kernel sums the norm in float64, so the
 * two agree to rounding.
 */
import { pow } from '../../base/stated-math.ts';
import { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/operation.ts';
import type { Pack } from './packing.ts';
import type { AdamWSettings } from './trainer.ts';

/** The numbers in a row of the input `settings`, in order; one row per training step. */
const SETTINGS = [
  'beta1',
  'rest1',
  'beta2',
  'rest2',
  'rate',
  'inverseCorrection2',
  'epsilon',
  'keep',
  'clipNorm',
] as const;

export const SETTINGS_LENGTH = SETTINGS.length;

/** A norm that no gradient has: clipping to it changes nothing. */
const NO_CLIPPING = 3e38;

/**
 * The settings of one training step, rounded as the kernel rounds them.
 * @param update 1-based count of the training steps since the moments were reset
 */
export function settingsOfStep(learningRate: number, update: number, settings: AdamWSettings): Float32Array {
  const rest = (share: number) => 1 - Math.fround(share);
  const values: Record<(typeof SETTINGS)[number], number> = {
    beta1: settings.beta1,
    rest1: rest(settings.beta1),
    beta2: settings.beta2,
    rest2: rest(settings.beta2),
    rate: learningRate / (1 - pow(settings.beta1, update)),
    inverseCorrection2: 1 / (1 - pow(settings.beta2, update)),
    epsilon: settings.epsilon,
    keep: rest(learningRate * settings.weightDecay),
    clipNorm: settings.clipNorm > 0 ? settings.clipNorm : NO_CLIPPING,
  };
  return Float32Array.from(SETTINGS, (name) => values[name]);
}

/** The graph that TrainingStepProgram calls `update`. */
export function buildAdamW(packs: readonly Pack[]): Graph {
  const graph = new Graph();
  const row = graph.input('settings', [SETTINGS_LENGTH]);
  const setting = (name: (typeof SETTINGS)[number]): Value => {
    const at = SETTINGS.indexOf(name);
    return graph.slice(row, 0, at, at + 1);
  };
  const state = packs.map(({ length, decay }, index) => {
    const input = (kind: string) => graph.input(`${kind}:${index}`, [length]);
    const mask = input('mask');
    return {
      decay,
      mask,
      gradient: graph.mul(input('gradient'), mask),
      weight: input('weight'),
      first: input('first'),
      second: input('second'),
    };
  });
  const squares = state
    .map(({ gradient }) => graph.sum(graph.square(gradient), [0]))
    .reduce((sum, next) => graph.add(sum, next));
  const norm = graph.sqrt(squares);
  graph.output('gradientNorm', norm);
  // min(1, clipNorm / norm), without dividing by a norm of 0.
  const clip = graph.div(graph.scalar(1), graph.maximum(graph.div(norm, setting('clipNorm')), graph.scalar(1)));

  state.forEach(({ decay, mask, gradient, weight, first, second }, index) => {
    const clipped = graph.mul(gradient, clip);
    const m = graph.add(graph.mul(setting('beta1'), first), graph.mul(setting('rest1'), clipped));
    const v = graph.add(graph.mul(setting('beta2'), second), graph.mul(setting('rest2'), graph.square(clipped)));
    const root = graph.add(graph.sqrt(graph.mul(v, setting('inverseCorrection2'))), setting('epsilon'));
    const step = graph.div(graph.mul(setting('rate'), m), root);
    const kept = decay ? graph.mul(setting('keep'), weight) : weight;
    graph.output(`weight:${index}`, graph.mul(graph.sub(kept, step), mask));
    graph.output(`first:${index}`, m);
    graph.output(`second:${index}`, v);
  });
  return graph;
}
