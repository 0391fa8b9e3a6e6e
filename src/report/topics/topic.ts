/** The six questions of a study, in their order, and what a page answers one of them with. */
import type { Figure } from '../figures/figure.ts';
import type { Html } from '../page/html.ts';

/** As a comparison's `topic` names them in pipeline.json. */
export type TopicId = 'survival' | 'initialisation' | 'quality' | 'schedule' | 'budget' | 'variance';

export interface Topic {
  id: TopicId;
  /** 1 to 6. */
  number: number;
  /** In navigation. */
  name: string;
  question: string;
}

const QUESTIONS: [TopicId, string, string][] = [
  [
    'survival',
    'Survival',
    'At which sparsities and retraining budgets do super weights survive, and how stable are the masks?',
  ],
  [
    'initialisation',
    'Initialisation',
    'How does the initialisation change whether a super weight is there, and whether it survives?',
  ],
  ['quality', 'Quality', 'How does quality fall with sparsity, with and without protecting super weights?'],
  [
    'schedule',
    'Schedule and scope',
    'One-shot, iterative or gradual; one threshold for all or one per layer: which protects?',
  ],
  ['budget', 'Budget', 'How do the steps per round matter, and do warm-up and decay help?'],
  ['variance', 'Variance', 'How large is the run-to-run variance, and which differences are significant?'],
];

export const TOPICS: readonly Topic[] = QUESTIONS.map(([id, name, question], i) => ({
  id,
  number: i + 1,
  name,
  question,
}));

/** File name of a topic's page, in the report's folder. */
export function pageName({ number, id }: Topic): string {
  return `${number}-${id}.html`;
}

/** A plot, the sentence that it supports, and the tables behind it. */
export interface Section {
  figure: Figure;
  /** Made from the numbers: it claims no more than they hold, and carries its n. */
  finding: string;
  tables: Html[];
}

export interface Answer {
  topic: Topic;
  /** One sentence for the overview. */
  answer: string;
  /** A few words for the terminal. */
  brief: string;
  /** Experiments that the page speaks of: its provenance lists their runs. */
  experiments: string[];
  /** What the page shows; made only when asked for, since the terminal needs none of it. */
  content(): AnswerContent;
}

export interface AnswerContent {
  /** The first is the page's main plot. Only sections that have something to draw. */
  sections: Section[];
  /** What this profile cannot say, and which arms would: a sentence each. */
  gaps: string[];
}
