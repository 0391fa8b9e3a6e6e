/** One of a study's questions, and how a page answers it. registry.ts lists them with their figures. */
import type { ComparisonDeclaration } from '../../generated/aggregate.ts';
import type { ComparisonResult } from '../../generated/results.ts';
import type { StudyResults } from '../read-results.ts';

/** As a comparison's `topic` names them in pipeline.json. */
export type TopicId = ComparisonDeclaration['topic'];

export interface Topic {
  id: TopicId;
  /** In navigation. */
  name: string;
  question: string;
  /** One sentence: the overview's card, and what the page opens with. */
  answer(results: StudyResults): string;
  /** What the page adds to its answer and a card has no room for; starts with a space, or is empty. */
  context?(results: StudyResults): string;
  /** A few words for the terminal. */
  brief(results: StudyResults): string;
  /** The declared comparisons that the page tests. */
  comparisons(results: StudyResults): readonly ComparisonResult[];
  /** Experiments that the page speaks of: its provenance lists their runs. */
  experiments(results: StudyResults): string[];
  /**
   * What this profile cannot say, and which arms would: a sentence each.
   * @param drawn names of the plots that the page has
   */
  gaps(results: StudyResults, drawn: ReadonlySet<string>): string[];
}
