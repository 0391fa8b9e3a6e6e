/**
 * Compares the results of two checkouts of this repository on one machine: does a change of the code change a result?
 *
 *   npm run compare:results -- ../before .                  # the smoke profile; each side computes into a new cache
 *   npm run compare:results -- ../before . --profile pilot
 *   npm run compare:results -- ../before . --old-cache ../before/cache --new-cache cache
 *
 * Both checkouts must be installed and built (`npm ci`). Every artifact is compared by experiment, seed, round, step
 * and name, then the files of the report. Artifacts must be equal byte by byte; aggregate's and the report may differ
 * in what ./expected-differences.ts lists. Exit status 1 if anything else differs, is added or is missing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compareListings } from './compare-listings.ts';
import { EXPECTED_DIFFERENCES } from './expected-differences.ts';
import { readListing } from './read-listing.ts';

const USAGE =
  'Usage: npm run compare:results -- OLD_CHECKOUT NEW_CHECKOUT [--profile NAME] [--pipeline FILE] [--old-cache DIRECTORY] [--new-cache DIRECTORY]';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    profile: { type: 'string', default: 'smoke' },
    pipeline: { type: 'string' },
    'old-cache': { type: 'string' },
    'new-cache': { type: 'string' },
  },
});
const [oldCheckout, newCheckout, ...more] = positionals;
if (oldCheckout === undefined || newCheckout === undefined || more.length > 0) {
  console.error(USAGE);
  process.exit(2);
}

const temporary = mkdtempSync(join(tmpdir(), 'swp-compare-'));
try {
  const listing = (side: 'old' | 'new', checkout: string) => {
    console.log(`${side}: ${resolve(checkout)}`);
    return readListing({
      directory: resolve(checkout),
      cache: resolve(values[`${side}-cache`] ?? join(temporary, side)),
      profile: values.profile,
      pipeline: values.pipeline,
    });
  };
  const before = listing('old', oldCheckout);
  const after = listing('new', newCheckout);
  const sameKeys = [...before.places.keys()].filter((key) => after.places.has(key)).length;
  const { equal, expected, added, removed, unexpected } = compareListings(before, after, EXPECTED_DIFFERENCES);

  console.log(`\nNodes: ${before.places.size} before, ${after.places.size} after; ${sameKeys} have the same key.`);
  console.log(`Artifacts, metrics and files of the report: ${before.items.size} before, ${after.items.size} after.`);
  console.log(`Equal: ${equal}.`);
  list(
    'Differences that are expected',
    [...expected].map(([line, times]) => `${line}${times > 1 ? `: ${times} times` : ''}`),
  );
  list('Added', added);
  list('Removed', removed);
  list('NOT EXPECTED', unexpected);
  process.exitCode = unexpected.length === 0 ? 0 : 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

function list(title: string, lines: string[]): void {
  if (lines.length === 0) return;
  console.log(`${title} (${lines.length}):`);
  for (const line of lines) console.log(`  ${line}`);
}
