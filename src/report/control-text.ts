/** What retraining alone did to a positive control: without it, a difference to the control says half of the truth. */
import { tInterval } from '../science/statistics/student-t.ts';
import { spread } from '../science/statistics/spread.ts';
import { declarationOf, schemeOf } from './arms.ts';
import { distinctEnds } from './computations.ts';
import type { StudyResults } from './read-results.ts';
import { counted, differenceText } from './wording.ts';

/**
 * `Retraining alone moved unpruned by +0.0012 [...] nats from its starting model to its end (n = 3 distinct runs).`
 * Empty where the control does not start from a pretrained model, or its start was not measured.
 */
export function retrainingText(results: StudyResults, control: string): string {
  if (schemeOf(declarationOf(results, control)) !== 'pretrained') return '';
  const changes = distinctEnds(results, [control]).flatMap(({ run, measured }) => {
    const start = run.measurements.find(({ phase }) => phase === 'start')?.evaluation;
    return start && measured.evaluation ? [measured.evaluation.loss - start.loss] : [];
  });
  const { n, mean } = spread(changes);
  if (mean === null) return '';
  const interval = tInterval(changes, results.study.analysis.confidence) ?? null;
  return `Retraining alone moved ${control} by ${differenceText({ mean, interval })} nats from its starting model to its end (n = ${counted(n, 'distinct run')}).`;
}

/**
 * The same of several controls, with a space before it.
 * @param controls as they come, each said once; null for what has none
 */
export function retrainingTexts(results: StudyResults, controls: readonly (string | null)[]): string {
  const texts = [...new Set(controls)].map((control) => (control === null ? '' : retrainingText(results, control)));
  return texts.map((text) => (text === '' ? '' : ` ${text}`)).join('');
}
