/** The corpora: they are the languages they claim to be, and their entropy floors are exact. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { corpusOf } from '../../src/model/corpora.ts';
import {
  BOS,
  FIRST_ORDINARY,
  MarkerRetrieval,
  MARKERS,
  ORDINARY_TOKENS,
  ordinarySuccessors,
  QUERIES,
  VOCABULARY,
} from '../../src/model/marker-retrieval.ts';

const corpus = corpusOf({ corpus: 'marker-retrieval' });
const withoutBos = corpusOf({ corpus: 'marker-retrieval-no-bos' });
const variants = (['bos', 'ordinary'] as const).flatMap((start) =>
  (['uniform', 'row'] as const).map((unknown) => new MarkerRetrieval({ name: `${start}, ${unknown}`, start, unknown })),
);
const LENGTH = 64;
const ORDINARY = Array.from({ length: ORDINARY_TOKENS }, (_, index) => FIRST_ORDINARY + index);

/** Probability of each token of a sequence given its whole prefix, by the language's definition and nothing else. */
function conditionalProbabilities(sequence: Int32Array, language: MarkerRetrieval): number[] {
  const followed = new Map<number, number>();
  const probabilities: number[] = [];
  for (let position = 1; position < sequence.length; position++) {
    const [current, next] = [sequence[position - 1]!, sequence[position]!];
    const query = QUERIES.indexOf(current);
    const answer = query >= 0 ? followed.get(MARKERS[query]!) : undefined;
    if (corpus.isOrdinary(current, 1)) probabilities.push(ordinarySuccessors()[current - FIRST_ORDINARY]![next]!);
    else if (answer !== undefined) probabilities.push(next === answer ? 1 : 0);
    else {
      const ownRow = current === BOS ? undefined : language.ownRow(Math.max(query, MARKERS.indexOf(current)));
      probabilities.push(ownRow ? ownRow[next]! : corpus.isOrdinary(next, 1) ? 1 / ORDINARY_TOKENS : 0);
    }
    if (MARKERS.includes(current)) followed.set(current, next);
  }
  return probabilities;
}

function sequences(tokens: Int32Array, length: number): Int32Array[] {
  return Array.from({ length: tokens.length / (length + 1) }, (_, row) =>
    tokens.subarray(row * (length + 1), (row + 1) * (length + 1)),
  );
}

describe('marker retrieval', () => {
  it('draws a batch as a pure function of seed, stream and index', () => {
    const drawn = corpus.batch(3, 'train-data', 17, 4, LENGTH);
    expect(corpus.batch(3, 'train-data', 17, 4, LENGTH)).toEqual(drawn);
    for (const other of [
      corpus.batch(4, 'train-data', 17, 4, LENGTH),
      corpus.batch(3, 'eval', 17, 4, LENGTH),
      corpus.batch(3, 'train-data', 18, 4, LENGTH),
    ])
      expect(other).not.toEqual(drawn);
  });

  it('starts every sequence with BOS and never emits it again', () => {
    for (const sequence of sequences(corpus.batch(0, 'test', 0, 200, LENGTH), LENGTH)) {
      expect(sequence[0]).toBe(BOS);
      expect(sequence.indexOf(BOS, 1)).toBe(-1);
    }
  });

  it('follows each ordinary token by markers, queries and ordinary tokens as often as declared', () => {
    const counts = new Map<number, Float64Array>();
    for (const sequence of sequences(corpus.batch(1, 'test', 0, 8000, LENGTH), LENGTH))
      for (let position = 1; position <= LENGTH; position++) {
        const row = counts.get(sequence[position - 1]!) ?? new Float64Array(VOCABULARY);
        row[sequence[position]!]! += 1;
        counts.set(sequence[position - 1]!, row);
      }
    for (let token = FIRST_ORDINARY; token < VOCABULARY; token++) {
      const row = counts.get(token)!;
      const total = row.reduce((sum, count) => sum + count, 0);
      const expected = ordinarySuccessors()[token - FIRST_ORDINARY]!;
      expected.forEach((probability, next) => {
        const sigma = Math.sqrt((probability * (1 - probability)) / total);
        const tolerance = 5 * sigma + 5 / total; // the second term: counts near 0 are Poisson, not normal
        expect(Math.abs(row[next]! / total - probability), `${next} after ${token}`).toBeLessThanOrEqual(tolerance);
      });
    }
    for (const marker of MARKERS) expect(ordinarySuccessors().every((row) => row[marker] === 0.05)).toBe(true);
    for (const query of QUERIES) expect(ordinarySuccessors().every((row) => row[query] === 0.1)).toBe(true);
  });

  it.each(variants)(
    'gives every sequence a positive probability, $fingerprint.corpus: an answered query repeats what followed its latest marker',
    (language) => {
      for (const sequence of sequences(language.batch(2, 'test', 0, 500, LENGTH), LENGTH))
        expect(Math.min(...conditionalProbabilities(sequence, language))).toBeGreaterThan(0);
    },
  );

  it('tells the kinds of predicting positions apart', () => {
    const [m1, m2] = MARKERS as [number, number];
    const [q1, q2] = QUERIES as [number, number];
    const tokens = Int32Array.from([
      BOS,
      9,
      q1,
      7,
      m1,
      11,
      q1,
      11,
      q2,
      30,
      m2,
      5,
      BOS,
      q2,
      9,
      m2,
      6,
      q2,
      6,
      q1,
      8,
      8,
      8,
      8,
    ]);
    const kinds = [...corpus.kindsOf(tokens, 11)].map((kind) => corpus.positionKinds[kind]);
    const o = 'ordinary';
    expect(kinds).toEqual([
      'after-bos',
      o,
      'unanswerable-query',
      o,
      'after-marker',
      o,
      'answerable-query',
      o,
      'unanswerable-query',
      o,
      'after-marker',
      'after-bos',
      'unanswerable-query',
      o,
      'after-marker',
      o,
      'answerable-query',
      o,
      'unanswerable-query',
      o,
      o,
      o,
    ]);
  });

  it.each(variants)(
    'has the entropy floor that its own conditional probabilities give on average, $fingerprint.corpus',
    (language) => {
      const perSequence = sequences(language.batch(5, 'test', 0, 4000, LENGTH), LENGTH).map(
        (sequence) =>
          -conditionalProbabilities(sequence, language).reduce((sum, probability) => sum + Math.log(probability), 0) /
          LENGTH,
      );
      const mean = perSequence.reduce((sum, value) => sum + value, 0) / perSequence.length;
      const variance = perSequence.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (perSequence.length - 1);
      const standardError = Math.sqrt(variance / perSequence.length);
      expect(standardError).toBeLessThan(0.005);
      expect(Math.abs(mean - language.entropyFloor(LENGTH))).toBeLessThan(4 * standardError);
    },
  );

  it.each(variants)('knows the surprisal of every token given its whole prefix, $fingerprint.corpus', (language) => {
    const tokens = language.batch(8, 'test', 0, 300, LENGTH);
    const surprisals = language.surprisals(tokens, LENGTH);
    const expected = sequences(tokens, LENGTH).flatMap((sequence) =>
      conditionalProbabilities(sequence, language).map((probability) => -Math.log(probability)),
    );
    expect(surprisals).toHaveLength(expected.length);
    const worst = expected.reduce((most, nats, place) => Math.max(most, Math.abs(nats - surprisals[place]!)), 0);
    expect(worst).toBeLessThan(1e-12);
  });

  it.each(variants)(
    'has surprisals whose probabilities add up to one over all sequences, and whose mean is the entropy, $fingerprint.corpus',
    (language) => {
      const length = 2;
      const starts = language.batch(0, 'test', 0, 1, length)[0] === BOS ? [BOS] : ORDINARY;
      const all = new Int32Array(starts.length * VOCABULARY * VOCABULARY * 3);
      let at = 0;
      for (const start of starts)
        for (let a = 0; a < VOCABULARY; a++)
          for (let b = 0; b < VOCABULARY; b++) {
            all.set([start, a, b], at);
            at += 3;
          }
      const surprisals = language.surprisals(all, length);
      let [total, mean] = [0, 0];
      for (let row = 0; row < all.length / 3; row++) {
        const nats = surprisals[row * length]! + surprisals[row * length + 1]!;
        const probability = Math.exp(-nats) / starts.length;
        total += probability;
        if (probability > 0) mean += (probability * nats) / length;
      }
      expect(total).toBeCloseTo(1, 10);
      expect(mean).toBeCloseTo(language.entropyFloor(length), 10);
    },
  );

  it('has the floor that enumerating every short sequence gives', () => {
    // P(x1) is uniform; x2's entropy averages over the 59 first tokens; x3's over every (x1, x2).
    const rows = ordinarySuccessors();
    const h = (row: Float64Array) => -row.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0);
    const uniform = Math.log(ORDINARY_TOKENS);
    let second = 0;
    let third = 0;
    rows.forEach((row) => {
      second += h(row) / ORDINARY_TOKENS;
      row.forEach(
        (p, token) =>
          (third += (p / ORDINARY_TOKENS) * (corpus.isOrdinary(token, 1) ? h(rows[token - FIRST_ORDINARY]!) : uniform)),
      );
    });
    expect(corpus.entropyFloor(1)).toBeCloseTo(uniform, 12);
    expect(corpus.entropyFloor(2)).toBeCloseTo((uniform + second) / 2, 12);
    expect(corpus.entropyFloor(3)).toBeCloseTo((uniform + second + third) / 3, 12);
  });

  it('has the floor that committed reports state', () => {
    expect(corpus.entropyFloor(64)).toBeCloseTo(2.5258361904, 10);
  });

  it('is what committed keys say it is: its fingerprint does not change with the code', () => {
    expect(corpus.fingerprint).toEqual({
      corpus: 'marker-retrieval',
      version: 1,
      vocabulary: 64,
      markers: [1, 2],
      queries: [3, 4],
      markerProbability: 0.05,
      queryProbability: 0.1,
      transitionScale: 2.5,
      transitionSeed: 20241,
      generator: 'sha256 -> xoroshiro128+',
    });
    const tokens = corpus.batch(0, 'train-data', 0, 16, LENGTH);
    expect(createHash('sha256').update(tokens).digest('hex')).toBe(
      '2829dda467ebe0927e39407054a796f4510f34de2eded8939229a712c8c5327a',
    );
  });
});

describe('marker retrieval without BOS', () => {
  it('starts with an ordinary token, each as often, and never emits BOS', () => {
    const counts = new Float64Array(VOCABULARY);
    const drawn = sequences(withoutBos.batch(4, 'test', 0, 20_000, 3), 3);
    for (const sequence of drawn) {
      counts[sequence[0]!]! += 1;
      expect(sequence.includes(BOS)).toBe(false);
    }
    const share = 1 / ORDINARY_TOKENS;
    const sigma = Math.sqrt((share * (1 - share)) / drawn.length);
    for (let token = 0; token < VOCABULARY; token++)
      if (token < FIRST_ORDINARY) expect(counts[token]).toBe(0);
      else expect(Math.abs(counts[token]! / drawn.length - share), `token ${token}`).toBeLessThan(5 * sigma);
  });

  it('has the floor that enumerating the shortest sequences gives, and no position after BOS', () => {
    const rows = ordinarySuccessors();
    const h = (row: Float64Array) => -row.reduce((sum, p) => (p > 0 ? sum + p * Math.log(p) : sum), 0);
    // tokens 1-4 are M1 M2 Q1 Q2
    const ownRow = (pair: number) => new MarkerRetrieval({ name: '', start: 'ordinary', unknown: 'row' }).ownRow(pair)!;
    let first = 0;
    let second = 0;
    rows.forEach((row) => {
      first += h(row) / ORDINARY_TOKENS;
      row.forEach((p, token) => {
        if (token !== BOS)
          second +=
            (p / ORDINARY_TOKENS) *
            (corpus.isOrdinary(token, 1) ? h(rows[token - FIRST_ORDINARY]!) : h(ownRow((token - 1) % 2)));
      });
    });
    expect(withoutBos.entropyFloor(1)).toBeCloseTo(first, 12);
    expect(withoutBos.entropyFloor(2)).toBeCloseTo((first + second) / 2, 12);
    const kinds = new Set(
      [...withoutBos.kindsOf(withoutBos.batch(0, 'test', 0, 50, LENGTH), LENGTH)].map(
        (kind) => withoutBos.positionKinds[kind],
      ),
    );
    expect(kinds).toEqual(new Set(['ordinary', 'after-marker', 'answerable-query', 'unanswerable-query']));
  });

  it('follows markers, and queries without an answer, by the row of their pair', () => {
    const language = new MarkerRetrieval({ name: 'test', start: 'ordinary', unknown: 'row' });
    const counts = MARKERS.map(() => new Float64Array(VOCABULARY));
    for (const sequence of sequences(language.batch(6, 'test', 0, 4000, LENGTH), LENGTH)) {
      const seen = new Set<number>();
      for (let position = 1; position <= LENGTH; position++) {
        const [current, next] = [sequence[position - 1]!, sequence[position]!];
        const [marker, query] = [MARKERS.indexOf(current), QUERIES.indexOf(current)];
        if (marker >= 0 || (query >= 0 && !seen.has(query))) counts[Math.max(marker, query)]![next]! += 1;
        if (marker >= 0) seen.add(marker);
      }
    }
    counts.forEach((row, pair) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      expect(total).toBeGreaterThan(5000);
      language.ownRow(pair)!.forEach((probability, next) => {
        const sigma = Math.sqrt((probability * (1 - probability)) / total);
        expect(Math.abs(row[next]! / total - probability), `${next} of pair ${pair}`).toBeLessThanOrEqual(
          5 * sigma + 5 / total,
        );
      });
    });
  });

  it('is another data source in keys', () => {
    expect(withoutBos.fingerprint).toEqual({
      ...(corpus.fingerprint as object),
      corpus: 'marker-retrieval-no-bos',
      start: 'ordinary',
      unknown: 'row',
    });
  });
});
