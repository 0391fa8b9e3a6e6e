/**
 * The language "marker retrieval": 64 tokens, exactly known conditional probabilities, and a task (retrieval) that a
 * small decoder must learn. Pretraining on it makes one super weight emerge in a model of 75,600 parameters.
 *
 *   0 = BOS, 1-2 = markers M1 M2, 3-4 = queries Q1 Q2, 5-63 = 59 ordinary tokens. A sequence starts with BOS.
 *   After an ordinary token: each marker with probability 0.05, each query with 0.10, else (0.70) an ordinary token
 *   from the token's own row of softmax(2.5 * N(0, 1)), fixed once for all.
 *   After BOS or a marker: uniform over the ordinary tokens.
 *   After Qi: the token that followed the latest Mi, or uniform over the ordinary tokens if there was no Mi.
 *
 * A marker is always followed by an ordinary token and never is the last thing before a query, so "the token that
 * followed the latest Mi" exists whenever Qi follows an Mi.
 *
 * Variants. A sequence may start with an ordinary token, drawn uniformly, in place of BOS. And what follows Mi, or Qi
 * where there was no Mi, may be drawn from a row of softmax(2.5 * N(0, 1)) of their own: then there is no token after
 * which nothing is known of the next one.
 */
import { exp, log } from '../base/stated-math.ts';
import type { JsonObject } from '../base/json.ts';
import type { Language } from './corpus.ts';
import { stream, type RandomStream } from '../base/random.ts';

export const VOCABULARY = 64;
export const BOS = 0;
export const MARKERS: readonly number[] = [1, 2];
export const QUERIES: readonly number[] = [3, 4];
export const FIRST_ORDINARY = 5;
export const ORDINARY_TOKENS = VOCABULARY - FIRST_ORDINARY;

const MARKER_PROBABILITY = 0.05;
const QUERY_PROBABILITY = 0.1;
const ORDINARY_PROBABILITY = 1 - MARKERS.length * MARKER_PROBABILITY - QUERIES.length * QUERY_PROBABILITY;
const TRANSITION_SCALE = 2.5;
const TRANSITION_SEED = 20_241;

/** What the language consists of, except for how sequences start. Raise `version` when a draw changes. */
const LANGUAGE: JsonObject = {
  version: 1,
  vocabulary: VOCABULARY,
  markers: [...MARKERS],
  queries: [...QUERIES],
  markerProbability: MARKER_PROBABILITY,
  queryProbability: QUERY_PROBABILITY,
  transitionScale: TRANSITION_SCALE,
  transitionSeed: TRANSITION_SEED,
  generator: 'sha256 -> xoroshiro128+',
};

/** What sets one language of the family apart. */
export interface MarkerRetrievalVariant {
  /** The corpus's name in configurations and keys. */
  name: string;
  /** What a sequence starts with. */
  start: 'bos' | 'ordinary';
  /** What follows a marker, or a query that has no answer yet: any ordinary token, or one from the pair's own row. */
  unknown: 'uniform' | 'row';
}

const POSITION_KINDS = ['ordinary', 'after-bos', 'after-marker', 'answerable-query', 'unanswerable-query'] as const;

/**
 * Probabilities of the next token after an ordinary one.
 * @returns ORDINARY_TOKENS rows (row 0 belongs to token FIRST_ORDINARY) of VOCABULARY probabilities
 */
export function ordinarySuccessors(): readonly Float64Array[] {
  return (successors ??= drawSuccessors());
}

export class MarkerRetrieval implements Language {
  readonly fingerprint: JsonObject;
  readonly vocabulary = VOCABULARY;
  readonly positionKinds = POSITION_KINDS;
  readonly retrievalKind = 'answerable-query';
  readonly #start: MarkerRetrievalVariant['start'];
  readonly #unknown: MarkerRetrievalVariant['unknown'];

  constructor({ name, start, unknown }: MarkerRetrievalVariant) {
    this.#start = start;
    this.#unknown = unknown;
    // Only what differs from the first language is listed: its keys stay what they were before there were variants.
    this.fingerprint = {
      corpus: name,
      ...LANGUAGE,
      ...(start !== 'bos' && { start }),
      ...(unknown !== 'uniform' && { unknown }),
    };
  }

  /**
   * Probabilities of what follows marker `pair`, or query `pair` without an answer; undefined if all ordinary tokens
   * are equal.
   */
  ownRow(pair: number): Float64Array | undefined {
    return this.#unknown === 'row' ? (ownRows ??= drawOwnRows())[pair]! : undefined;
  }

  isOrdinary(token: number): boolean {
    return isOrdinary(token);
  }

  batch(seed: number, streamName: string, index: number, sequences: number, length: number): Int32Array {
    cumulatives ??= ordinarySuccessors().map(cumulate);
    const random = stream(seed, streamName, index);
    const tokens = new Int32Array(sequences * (length + 1));
    const answers = new Int32Array(MARKERS.length);
    for (let row = 0; row < sequences; row++) {
      const start = row * (length + 1);
      answers.fill(0);
      let current = this.#start === 'bos' ? BOS : FIRST_ORDINARY + random.integer(ORDINARY_TOKENS);
      tokens[start] = current;
      for (let position = start + 1; position <= start + length; position++) {
        const marker = MARKERS.indexOf(current);
        const query = QUERIES.indexOf(current);
        const pair = Math.max(marker, query);
        const ownRow = pair >= 0 ? this.#cumulativeOwnRow(pair) : undefined;
        let next: number;
        if (isOrdinary(current)) next = random.categorical(cumulatives[current - FIRST_ORDINARY]!);
        else if (query >= 0 && answers[query]! > 0) next = answers[query]!;
        else if (ownRow) next = random.categorical(ownRow);
        else next = FIRST_ORDINARY + random.integer(ORDINARY_TOKENS);
        if (marker >= 0) answers[marker] = next;
        tokens[position] = next;
        current = next;
      }
    }
    return tokens;
  }

  kindsOf(tokens: Int32Array, length: number): Uint8Array {
    const [ordinary, afterBos, afterMarker, answerable, unanswerable] = POSITION_KINDS.keys();
    const sequences = tokens.length / (length + 1);
    const kinds = new Uint8Array(sequences * length);
    for (let row = 0; row < sequences; row++) {
      const seen = MARKERS.map(() => false);
      for (let position = 0; position < length; position++) {
        const token = tokens[row * (length + 1) + position]!;
        const marker = MARKERS.indexOf(token);
        const query = QUERIES.indexOf(token);
        if (marker >= 0) seen[marker] = true;
        kinds[row * length + position] =
          token === BOS
            ? afterBos!
            : marker >= 0
              ? afterMarker!
              : query < 0
                ? ordinary!
                : seen[query]
                  ? answerable!
                  : unanswerable!;
      }
    }
    return kinds;
  }

  surprisals(tokens: Int32Array, length: number): Float64Array {
    surprisalRows ??= ordinarySuccessors().map(surprisalsOf);
    const uniform = log(ORDINARY_TOKENS);
    const sequences = tokens.length / (length + 1);
    const surprisals = new Float64Array(sequences * length);
    const answers = new Int32Array(MARKERS.length);
    for (let row = 0; row < sequences; row++) {
      const start = row * (length + 1);
      answers.fill(0);
      for (let position = 0; position < length; position++) {
        const current = tokens[start + position]!;
        const next = tokens[start + position + 1]!;
        const place = row * length + position;
        if (isOrdinary(current)) {
          surprisals[place] = surprisalRows[current - FIRST_ORDINARY]![next]!;
          continue;
        }
        const marker = MARKERS.indexOf(current);
        const query = QUERIES.indexOf(current);
        if (query >= 0 && answers[query]! > 0) surprisals[place] = next === answers[query] ? 0 : Infinity;
        else {
          const own = this.#surprisalsOfOwnRow(Math.max(marker, query));
          surprisals[place] = own ? own[next]! : isOrdinary(next) ? uniform : Infinity;
        }
        if (marker >= 0) answers[marker] = next;
      }
    }
    return surprisals;
  }

  /**
   * Dynamic programming over (which markers were seen, current token). That state suffices although an answered query
   * emits a token that depends on the more distant past. Kinds of tokens (marker 1, query 2, ordinary, ...) follow a
   * chain of their own that never looks at WHICH ordinary token is current; what follows a marker is drawn uniformly
   * and independently of everything before (or from the pair's own row, which is no less independent). Given the kinds
   * so far, an answer is therefore distributed as what follows its marker, and the entropy of each step, a function of
   * the state alone, averages exactly as if the answer had been drawn anew.
   */
  entropyFloor(length: number): number {
    const rows = ordinarySuccessors();
    const rowEntropies = rows.map(entropy);
    const subsets = 1 << MARKERS.length;
    const uniformEntropy = log(ORDINARY_TOKENS);
    // distribution[seen][token] is the probability of being there before the next token is drawn.
    let distribution = Array.from({ length: subsets }, () => new Float64Array(VOCABULARY));
    if (this.#start === 'bos') distribution[0]![BOS] = 1;
    else distribution[0]!.fill(1 / ORDINARY_TOKENS, FIRST_ORDINARY);
    let total = 0;
    for (let position = 1; position <= length; position++) {
      const next = Array.from({ length: subsets }, () => new Float64Array(VOCABULARY));
      for (let seen = 0; seen < subsets; seen++)
        for (let token = 0; token < VOCABULARY; token++) {
          const probability = distribution[seen]![token]!;
          if (probability === 0) continue;
          if (isOrdinary(token)) {
            total += probability * rowEntropies[token - FIRST_ORDINARY]!;
            const row = rows[token - FIRST_ORDINARY]!;
            for (let to = 0; to < VOCABULARY; to++) next[seen]![to]! += probability * row[to]!;
            continue;
          }
          const marker = MARKERS.indexOf(token);
          const query = QUERIES.indexOf(token);
          const answerable = query >= 0 && (seen & (1 << query)) !== 0;
          const ownRow = token === BOS ? undefined : this.ownRow(Math.max(marker, query));
          if (!answerable) total += probability * (ownRow ? entropy(ownRow) : uniformEntropy);
          const seenAfter = marker >= 0 ? seen | (1 << marker) : seen;
          for (let to = FIRST_ORDINARY; to < VOCABULARY; to++)
            next[seenAfter]![to]! += ownRow ? probability * ownRow[to]! : probability / ORDINARY_TOKENS;
        }
      distribution = next;
    }
    return total / length;
  }

  #cumulativeOwnRow(pair: number): Float64Array | undefined {
    const row = this.ownRow(pair);
    return row && (ownCumulatives[pair] ??= cumulate(row));
  }

  #surprisalsOfOwnRow(pair: number): Float64Array | undefined {
    const row = pair < 0 ? undefined : this.ownRow(pair);
    return row && (ownSurprisals[pair] ??= surprisalsOf(row));
  }
}

function isOrdinary(token: number): boolean {
  return token >= FIRST_ORDINARY;
}

let successors: Float64Array[] | undefined;
let cumulatives: Float64Array[] | undefined;
let ownRows: Float64Array[] | undefined;
const ownCumulatives: Float64Array[] = [];
let surprisalRows: Float64Array[] | undefined;
const ownSurprisals: Float64Array[] = [];

function drawSuccessors(): Float64Array[] {
  const random = stream(TRANSITION_SEED, 'marker-retrieval-transitions');
  return Array.from({ length: ORDINARY_TOKENS }, () => {
    const row = new Float64Array(VOCABULARY);
    for (const marker of MARKERS) row[marker] = MARKER_PROBABILITY;
    for (const query of QUERIES) row[query] = QUERY_PROBABILITY;
    fillOrdinary(row, ORDINARY_PROBABILITY, random);
    return row;
  });
}

function drawOwnRows(): Float64Array[] {
  const random = stream(TRANSITION_SEED, 'marker-retrieval-own-rows');
  return MARKERS.map(() => fillOrdinary(new Float64Array(VOCABULARY), 1, random));
}

/** Divides a probability among the ordinary tokens by softmax(2.5 * N(0, 1)). */
function fillOrdinary(row: Float64Array, probability: number, random: RandomStream): Float64Array {
  const weights = Array.from({ length: ORDINARY_TOKENS }, () => exp(TRANSITION_SCALE * random.normal()));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  weights.forEach((weight, index) => (row[FIRST_ORDINARY + index] = (probability * weight) / total));
  return row;
}

function cumulate(probabilities: Float64Array): Float64Array {
  let sum = 0;
  const cumulative = probabilities.map((probability) => (sum += probability));
  cumulative[cumulative.length - 1] = 1; // rounding must not leave a draw without a token
  return cumulative;
}

/** Of every token, in nats; infinite where it cannot follow. */
function surprisalsOf(probabilities: Float64Array): Float64Array {
  return probabilities.map((probability) => -log(probability));
}

/** Entropy in nats. */
function entropy(probabilities: Float64Array): number {
  return probabilities.reduce((sum, probability) => (probability > 0 ? sum - probability * log(probability) : sum), 0);
}
