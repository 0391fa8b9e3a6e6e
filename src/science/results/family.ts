/** Families of declared tests, over which p-values are adjusted together. */
import { groupBy } from '../../base/groups.ts';
import type { CountTest, ExactTest, SurvivalTest, TestedDifference } from '../../generated/results.ts';
import { attainableFrom } from '../statistics/attainable-from.ts';
import { holmAdjusted } from '../statistics/holm.ts';
import { verdict } from '../statistics/verdict.ts';
import type { Effect } from './paired-difference.ts';

/** One declared test, with the result that gets the adjusted p-value and the verdict. */
export interface FamilyMember {
  family: string;
  effect: Effect;
  /** The exact test; null where there is none, which makes the family no smaller. */
  test: ExactTest | CountTest | null;
  /** Filled in: holm, verdict and, of a difference, power.attainableFrom. */
  result: TestedDifference | SurvivalTest;
}

/**
 * Adjusts every family by Holm's method and gives each member its verdict. A member without a test (a missing run, an
 * arm that changed nothing) counts with p = 1: a family never gets smaller, and its claims easier, by what went
 * missing.
 */
export function adjustFamilies(members: FamilyMember[], alpha: number): void {
  for (const [family, own] of groupBy(members, (member) => member.family)) {
    const adjusted = holmAdjusted(own.map(({ test }) => test?.p ?? 1));
    const smallest = holmAdjusted(own.map(({ test }) => test?.smallestP ?? 1));
    for (const [i, { effect, test, result }] of own.entries()) {
      if (test !== null)
        result.holm = { family, members: own.length, adjustedP: adjusted[i]!, smallestAdjustedP: smallest[i]! };
      if ('power' in result && result.power !== null) result.power.attainableFrom = attainableFrom(own.length, alpha);
      result.verdict = verdict(result.holm ?? undefined, effect, alpha);
    }
  }
}
