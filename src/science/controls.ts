/**
 * Matched controls: weights that resemble a candidate in size or place. Zeroing a super weight must hurt far more than
 * zeroing any of them. Weights that are 0 already, and those that read a hidden unit that is 0 at every token, are
 * never controls, since zeroing them would prove nothing; so a tensor pruned to a few weights yields few controls, and
 * a verdict says how many there were.
 */
import { stream } from '../base/random.ts';
import { largestMagnitudes } from './magnitude.ts';
import { randomSample } from './random-sample.ts';

export const CONTROL_KINDS = ['next-largest', 'same-row', 'same-column', 'random'] as const;

export interface MatchedControl {
  kind: (typeof CONTROL_KINDS)[number];
  row: number;
  col: number;
}

/**
 * Up to `perKind` controls of each kind from the candidate's own matrix: its largest other weights, the largest others
 * of its row, of its column, and random ones. A weight serves once, under the first kind that it fits. Random controls
 * are drawn by place from a stream of their own, so that arms and rounds with the same candidate share them.
 * @param matrix [out, in], row-major
 * @param excluded flat indices that are no controls: known super weights, and weights that multiply nothing
 */
export function matchedControls(
  matrix: { shape: readonly number[]; data: Float32Array },
  candidate: { layer: number; row: number; col: number },
  perKind: number,
  excluded: ReadonlySet<number>,
  seed: number,
): MatchedControl[] {
  const { data } = matrix;
  const [rows, cols] = matrix.shape as [number, number];
  const taken = new Set([...excluded, candidate.row * cols + candidate.col]);
  const eligible = (index: number) => data[index] !== 0 && !taken.has(index);
  const places: Record<MatchedControl['kind'], () => number[]> = {
    'next-largest': () => largestMagnitudes(data, data.keys(), perKind, eligible),
    'same-row': () =>
      largestMagnitudes(
        data,
        Array.from({ length: cols }, (_, col) => candidate.row * cols + col),
        perKind,
        eligible,
      ),
    'same-column': () =>
      largestMagnitudes(
        data,
        Array.from({ length: rows }, (_, row) => row * cols + candidate.col),
        perKind,
        eligible,
      ),
    random: () =>
      randomSample(
        data.length,
        eligible,
        perKind,
        stream(seed, 'detect-controls', candidate.layer, candidate.row, candidate.col),
      ),
  };
  return CONTROL_KINDS.flatMap((kind) =>
    places[kind]().map((index) => {
      taken.add(index);
      return { kind, row: Math.floor(index / cols), col: index % cols };
    }),
  );
}
