/**
 * What may differ between the results of two versions, and why. Everything else that differs fails the comparison.
 *
 * The artifacts of every stage but aggregate are compared byte by byte, and nothing listed here excuses them. In what
 * aggregate wrote and in the report, the keys of nodes are replaced by their places before anything is compared, so
 * keys need no entry.
 *
 * Entries for a version that changes the report on purpose belong here for as long as that version is compared with
 * the one before it, and are deleted afterwards.
 */
export interface ExpectedDifference {
  /** The artifact (`aggregate.results`) or the file of the report (`report/figures/1a-survival.csv`). */
  where: RegExp;
  /**
   * In JSON: a field's path, list positions left out (`runs[].reference.key`). In any other text: the piece of text
   * that is ignored. `added` or `removed`: the whole artifact or file.
   */
  what: RegExp | 'added' | 'removed';
  reason: string;
}

export const EXPECTED_DIFFERENCES: readonly ExpectedDifference[] = [
  {
    where: /^report\/[^/]*\.html$/,
    what: /\bswp \d+\.\d+\.\d+ at commit [0-9a-f]+( with uncommitted changes)?/,
    reason: 'the pages name the version that made them',
  },
];
