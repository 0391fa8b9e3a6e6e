/** The answers to the six questions, in their order. Reads results only; draws nothing. */
import type { StudyResults } from '../read-results.ts';
import { budgetAnswer } from './budget.ts';
import { initialisationAnswer } from './initialisation.ts';
import { qualityAnswer } from './quality.ts';
import { scheduleAnswer } from './schedule.ts';
import { survivalAnswer } from './survival.ts';
import type { Answer } from './topic.ts';
import { varianceAnswer } from './variance.ts';

export function answers(results: StudyResults): Answer[] {
  return [survivalAnswer, initialisationAnswer, qualityAnswer, scheduleAnswer, budgetAnswer, varianceAnswer].map(
    (answer) => answer(results),
  );
}
