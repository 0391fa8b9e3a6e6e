/** Which models pretrained runs start from, as far as it was measured: whether seeds are independent depends on it. */
import { groupBy } from '../base/groups.ts';
import { declarationOf, distinct, namesOf, runsOf, schemeOf } from './arms.ts';
import type { StudyResults } from './read-results.ts';
import { named } from './topics/parts.ts';
import { counted } from './wording.ts';

/** The distinct models that an arm's runs start from. */
export function startingModels(results: StudyResults, id: string): Set<string> {
  return new Set(
    runsOf(results, id).flatMap(({ measurements }) =>
      measurements.flatMap(({ phase, computation }) => (phase === 'start' ? [computation] : [])),
    ),
  );
}

/**
 * Whether the seeds of pretrained arms are models of their own or share one, in a sentence or two. Empty where no arm
 * is pretrained or has several seeds, or no starting model was measured.
 * @param ids of the experiments that are spoken of
 */
export function startsText(results: StudyResults, ids: readonly string[]): string {
  const arms = distinct(results, ids)
    .filter((id) => schemeOf(declarationOf(results, id)) === 'pretrained')
    .map((id) => ({
      name: namesOf(results, id),
      seeds: runsOf(results, id).length,
      own: startingModels(results, id).size,
    }))
    // A single seed tells nothing of others, and the model may have but one checkpoint.
    .filter(({ own, seeds }) => own > 0 && seeds > 1);
  const sharing = arms.filter(({ seeds, own }) => own < seeds);
  return [
    ...(arms.length === sharing.length
      ? []
      : [
          `${sharing.length === 0 ? 'For pretrained arms' : 'For the other pretrained arms'} the seed also chooses the checkpoint, so that seeds are independently trained models.`,
        ]),
    ...[...groupBy(sharing, ({ seeds, own }) => `${counted(own, 'checkpoint')} for ${counted(seeds, 'seed')}`)].map(
      ([counts, of]) =>
        `The seeds of ${named(of.map(({ name }) => name))} share their start (${counts}), so that they are no independently trained models${of.every(({ own }) => own === 1) ? ' but data orders of one checkpoint: intervals and tests are over these' : ''}.`,
    ),
  ].join(' ');
}
