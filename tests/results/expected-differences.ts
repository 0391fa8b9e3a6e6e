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
  /** Only where the field was not there before. */
  newField?: true;
  reason: string;
}

/** In names of files and in texts: what matches is replaced before anything is compared. */
export const EXPECTED_NAMES: readonly { pattern: RegExp; replacement: string; reason: string }[] = [
  {
    pattern: /\b([0-9])[a-z]-(?=[a-z])/g,
    replacement: '$1-',
    reason: "the letter of a figure follows from its place in its page's list",
  },
];

const RESULTS = /^(aggregate\.results|report\/results\.json)$/;
const OVERVIEW = /^report\/index\.html$/;

export const EXPECTED_DIFFERENCES: readonly ExpectedDifference[] = [
  {
    where: /^report\/[^/]*\.html$/,
    what: /\bswp \d+\.\d+\.\d+ at commit [0-9a-f]+( with uncommitted changes)?/,
    reason: 'the pages name the version that made them',
  },

  // Of the version after 0.1.0 beside 0.1.0:
  { where: RESULTS, what: /^version$/, reason: 'fields were added' },
  { where: RESULTS, what: /^study\.steps$/, newField: true, reason: 'what a step measures is declared' },
  {
    where: RESULTS,
    what: /\.(coordinate|newlyConfirmed\[\])\.kind$/,
    newField: true,
    reason: 'the family says what kind of tensor a weight is in',
  },
  {
    where: RESULTS,
    what: /^masks\[\]\.tensors\[\]\.layer$/,
    newField: true,
    reason: 'the family says which layer a tensor is in',
  },
  {
    where: RESULTS,
    what: /\.params\.prune\.model$/,
    newField: true,
    reason: 'pruning asks the family which tensors are in blocks',
  },
  { where: RESULTS, what: /\.params\.prune\.prunable\[\]$/, reason: 'the default is called blocks' },
  {
    where: OVERVIEW,
    what: /\{model\.layers\.\*_proj,transformer\.h\.\*\.c_\*\}\.weight|\bblocks(?=[<.])/,
    reason: 'the default of prunable is called blocks',
  },
  {
    where: OVERVIEW,
    what: /Globs over tensor names\.[^<]*|Which tensors are pruned: [^<]*/,
    reason: 'the description of prunable',
  },
  {
    where: OVERVIEW,
    what: /\beach layer's down(_proj| projection) names/,
    reason: 'down_proj is the name of a tensor of one family only',
  },
  {
    where: /^report\/figures\/1-mask-tensors\.json$/,
    what: /^rows\[\]\.layer$/,
    newField: true,
    reason: 'the family says which layer a tensor is in',
  },
  {
    where: /^report\/figures\/1-mask-tensors\.csv$/,
    what: /(?<=,kind),layer(?=,tensor)|(?<=,[a-z]+_proj),\d+(?=,model\.)/,
    reason: 'the same, as a column',
  },
];
