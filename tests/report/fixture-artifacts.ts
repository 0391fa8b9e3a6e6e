/** What the nodes of the made-up study leave: evaluations, prunings and detections. */
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { Pruning } from '../../src/generated/pruning.ts';
import type { Candidate, ControlKind, Coordinate, SuperWeightReport } from '../../src/generated/super-weights.ts';

export const FLOOR = 2.4163;
const PRUNABLE = 69_120;

/** The reference super weight per pretrained seed; as in the model organism's feasibility study. */
const SUPER_WEIGHTS: Coordinate[] = [
  { tensor: 'model.layers.0.mlp.down_proj.weight', layer: 0, row: 45, col: 94, value: -4.15 },
  { tensor: 'model.layers.0.mlp.down_proj.weight', layer: 0, row: 40, col: 44, value: 4.07 },
  { tensor: 'model.layers.1.mlp.down_proj.weight', layer: 1, row: 26, col: 86, value: 4.46 },
];
export const EFFECTS = [2.29, 2.15, 1.52];

export function evaluation(loss: number, sparsity: number): Evaluation {
  return {
    loss,
    standardError: 0.0031,
    perplexity: Math.exp(loss),
    tokens: 131_072,
    floor: FLOOR,
    surprisal: FLOOR - 0.003,
    excess: loss - (FLOOR - 0.003),
    excessStandardError: 0.0003,
    queries: 12_000,
    byKind: {
      ordinary: { loss: loss - 0.1, tokens: 100_000 },
      'answerable-query': { loss: (loss - FLOOR) * 4, tokens: 12_000 },
    },
    retrievalAccuracy: Math.max(0.02, 1 - (loss - FLOOR) * 0.9),
    sparsity,
  };
}

export function pruning(kept: number, fraction: number, force: boolean): Pruning {
  const pruned = force ? 1 : Math.round(PRUNABLE * (1 - kept));
  const before = Math.round(PRUNABLE * (1 - kept / (1 - fraction)));
  const threshold = force ? null : 0.02 / kept ** 0.6;
  const kinds = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  return {
    prunable: PRUNABLE,
    pruned,
    prunedBefore: force ? 0 : before,
    prunedNow: force ? 1 : pruned - before,
    sparsity: pruned / PRUNABLE,
    threshold,
    forced: force ? [{ tensor: SUPER_WEIGHTS[0]!.tensor, row: 45, col: 94, value: -4.15 }] : [],
    protected: [],
    kinds: kinds.map((kind, i) =>
      kindPruning(kind, PRUNABLE / kinds.length, pruned / PRUNABLE, (pruned - before) / PRUNABLE, (i - 3) * 0.06),
    ),
    tensors: kinds.map((kind) => ({
      tensor: `model.layers.0.${kind}.weight`,
      kind,
      weights: Math.round(PRUNABLE / 7),
      pruned: Math.round(pruned / 7),
      prunedNow: Math.round((pruned - before) / 7),
      threshold,
    })),
  };
}

/** @param lean how much harder than the whole a kind is pruned, as a share of what is not */
function kindPruning(
  kind: string,
  weights: number,
  sparsity: number,
  now: number,
  lean: number,
): Pruning['kinds'][number] {
  const own = sparsity + lean * sparsity * (1 - sparsity);
  return {
    kind,
    weights: Math.round(weights),
    pruned: Math.round(weights * own),
    prunedNow: Math.round(weights * now),
    shareOfPrunedNow: now === 0 ? null : 1 / 7,
    shareOfKept: (1 - own) / (7 * (1 - sparsity)),
  };
}

/** Later seeds have theirs in other rows. */
export function superWeightOf(seed: number): Coordinate {
  const found = SUPER_WEIGHTS[seed % 3]!;
  return { ...found, row: found.row + Math.floor(seed / 3) };
}

interface DetectionOptions {
  found?: Coordinate;
  /** The reference super weight is pruned. */
  lost: boolean;
  /** Effect of a candidate that does not pass, where nothing else is found. */
  emerging?: number;
  reference?: Coordinate;
  loss: number;
  kept: number;
  noise: () => number;
  effect: number;
  ablate: number;
}

export function detection({
  found,
  lost,
  emerging,
  reference,
  loss,
  kept,
  noise,
  effect,
  ablate,
}: DetectionOptions): SuperWeightReport {
  const strength = effect * (0.3 + 0.7 * kept);
  const spike = {
    scan: 0,
    rank: found ? 1 : 40,
    inputSpike: 28,
    outputSpike: 115,
    inputRatio: 13,
    outputRatio: 70,
    controls: [],
    worstControl: 0.03,
  };
  const verdict = found
    ? 'Zeroing it costs far more than its worst control.'
    : 'Zeroing it costs less than minimumEffect.';
  const candidates: Candidate[] = found
    ? [
        {
          ...spike,
          coordinate: found,
          effect: strength,
          effectStandardError: 0.02 * strength,
          confirmed: true,
          verdict,
        },
      ]
    : emerging
      ? [
          {
            ...spike,
            coordinate: SUPER_WEIGHTS[0]!,
            inputRatio: 4.2,
            outputRatio: 5,
            effect: emerging,
            effectStandardError: 0.02 * emerging,
            confirmed: false,
            verdict,
          },
        ]
      : [];
  const same =
    found !== undefined && reference !== undefined && found.row === reference.row && found.col === reference.col;
  const rank = Math.max(1, Math.round(same ? 1 + (1 - kept) * 3 + noise() : 40 + 2000 * (1 - kept)));
  return {
    baselineLoss: loss,
    causalTokens: 4096,
    prunableWeights: PRUNABLE,
    candidates,
    confirmed: found ? [found] : [],
    survival: reference
      ? [
          {
            coordinate: reference,
            kept: same || (kept < 1 && !lost),
            disconnected: false,
            value: same ? found.value : lost ? 0 : 0.2,
            rank: same || (kept < 1 && !lost) ? rank : PRUNABLE,
            tensorRank: 1,
            threshold: kept < 1 ? 0.02 / kept ** 0.6 : null,
            margin: kept < 1 ? Math.abs(same ? found.value : lost ? 0 : 0.2) / (0.02 / kept ** 0.6) : null,
            effect: same ? strength : kept < 1 && !lost ? 0.004 : 0,
            effectStandardError: 0.001,
            functional: same,
            redetection: same ? 'same' : found ? 'moved' : 'none',
            baseRate: {
              tensorKept: kept,
              kinds: ['next-largest', 'same-row', 'same-column', 'random'].map((kind, i) => ({
                kind: kind as ControlKind,
                kept: Math.round(4 * kept ** (i / 2)),
                n: 4,
              })),
            },
          },
        ]
      : [],
    referenceStatus: 'given',
    ablation: Array.from({ length: ablate }, (_, i) => ({
      coordinate:
        i === 0 && found
          ? found
          : {
              tensor: `model.layers.${i % 3}.mlp.${i % 2 ? 'up' : 'gate'}_proj.weight`,
              layer: i % 3,
              row: (i * 17) % 96,
              col: (i * 29) % 48,
              value: 3.2 * 0.97 ** i,
            },
      rank: i + 1,
      effectStandardError: 0.002,
      effect: i === 0 && found ? effect : Math.abs(0.012 * noise() + 0.006),
    })),
  };
}
