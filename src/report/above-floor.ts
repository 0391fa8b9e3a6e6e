/** How far above its floor a loss is: what the language itself loses on the same tokens. A text has no such floor. */
import { smallest } from '../base/extremes.ts';
import type { Row } from './figures/figure.ts';
import type { StudyResults } from './read-results.ts';

export interface EvaluatedLoss {
  loss: number;
  /** Above the language on the same tokens; null where its probabilities are not known. */
  excess: number | null;
}

export interface FloorScale {
  /** Nats per token above the floor. */
  above(evaluated: EvaluatedLoss): number;
  /**
   * Of a mean of losses on the study's common tokens.
   * @param surprisal what the language itself loses on them; null where evaluations had different ones
   * @returns null where it cannot be put on this scale
   */
  aboveMean(loss: number, surprisal: number | null): number | null;
  /** What the floor is: `above ...`. */
  text: string;
  /** The same in few words. */
  name: string;
}

/** Columns of what only a language has. */
const OF_LANGUAGE = ['surprisal', 'excess', 'excessStandardError', 'floor', 'retrievalAccuracy'];

/** Whether models were evaluated on texts alone: of none of them more is known than loss and perplexity. */
export function isOfText({ floor, runs }: StudyResults): boolean {
  const evaluations = runs.flatMap(({ measurements }) => measurements.flatMap(({ evaluation }) => evaluation ?? []));
  const isKnown = evaluations.some(({ excess, retrievalAccuracy }) => excess !== null || retrievalAccuracy !== null);
  return floor === null && evaluations.length > 0 && !isKnown;
}

/** Of a study of texts, rows without the columns that would all be empty. */
export function withoutLanguage(rows: Row[], results: StudyResults): Row[] {
  if (!isOfText(results)) return rows;
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !OF_LANGUAGE.includes(name))));
}

/**
 * The scale of losses that are shown together: above the language's own loss on the same tokens, whose exact entropy
 * holds for all text and not for a sample; above the lowest of them where it is not known of all.
 * @param means of losses that are shown with them
 */
export function floorScale(shown: readonly EvaluatedLoss[], means: readonly number[] = []): FloorScale {
  if (shown.every(({ excess }) => excess !== null))
    return {
      above: ({ excess }) => excess!,
      aboveMean: (loss, surprisal) => (surprisal === null ? null : loss - surprisal),
      text: 'above what the language itself loses on the same tokens',
      name: 'above floor',
    };
  const lowest = smallest([...shown.map(({ loss }) => loss), ...means]);
  return {
    above: ({ loss }) => loss - lowest,
    aboveMean: (loss) => loss - lowest,
    text: 'above the lowest loss shown',
    name: 'above the lowest',
  };
}
