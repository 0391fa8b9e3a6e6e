/**
 * Which bundles are submitted together, as Slurm's job arrays. All elements of an array have the same settings and wait
 * for the same, so bundles that are alike in both are one array.
 */
import { groupBy } from '../../../base/groups.ts';
import { canonicalJson, type JsonValue } from '../../../base/json.ts';
import { sortedAfter } from './bundle-links.ts';
import type { Bundle } from './bundles.ts';
import type { SlurmSettings } from './settings.ts';

export interface JobArray<Settings extends object = SlurmSettings> {
  settings: Settings;
  /** Indexes of its bundles, the smallest first. */
  bundles: number[];
  /**
   * A bundle's index is this and the number of its array element. It is 0 in all but very large submissions: Slurm
   * bounds the number itself (MaxArraySize), not only how many there are.
   */
  offset: number;
  /** As of a bundle: indexes of bundles in arrays before this one, and elements of earlier submissions. */
  after: (number | string)[];
  /** How many of its bundles run at a time; any number if absent. */
  limit?: number;
  /** Slurm's number for it, once it is submitted. */
  job?: string;
}

/** One less than Slurm's default of MaxArraySize: element numbers are smaller than that, and begin at 0. */
const MOST_ELEMENTS = 1000;

/**
 * Where only so many jobs with some settings may run at a time, all bundles with these settings that are equally deep
 * in the study are one array with that limit, and it waits for all of the one before it. So no two arrays that share
 * the limit ever run at the same time, and it holds for all of them together.
 *
 * @param concurrencyOf how many jobs with such settings run at a time; undefined for any number
 * @param options.sharingOf what of the settings is equal in jobs that share a limit: all of them by default. Arrays
 *   whose settings differ in the rest wait for one another, too
 * @param options.mostElements element numbers are smaller than this
 * @returns in an order in which they can be submitted: each waits for bundles of earlier ones only
 */
export function arraysOf<Settings extends object>(
  bundles: readonly Bundle<Settings>[],
  concurrencyOf: (settings: Settings) => number | undefined,
  {
    sharingOf = (settings) => settings,
    mostElements = MOST_ELEMENTS,
  }: { sharingOf?: (settings: Settings) => object; mostElements?: number } = {},
): JobArray<Settings>[] {
  const depths: number[] = [];
  for (const { after } of bundles)
    depths.push(
      after.reduce<number>((most, each) => Math.max(most, typeof each === 'number' ? depths[each]! + 1 : 0), 0),
    );
  const kinds = bundles.map(({ settings }) => canonicalJson(settings as JsonValue));
  // Those of one group are equally deep, as what they wait for decides how deep they are.
  const groups = groupBy(bundles.keys(), (index) => {
    const { settings, after } = bundles[index]!;
    const share = Math.floor(index / mostElements);
    return JSON.stringify([kinds[index], share, concurrencyOf(settings) === undefined ? after : depths[index]]);
  });
  const arrays: JobArray<Settings>[] = [];
  const before = new Map<string, readonly number[]>();
  const depthOf = ([first]: readonly number[]) => depths[first!]!;
  for (const members of [...groups.values()].sort((a, b) => depthOf(a) - depthOf(b) || a[0]! - b[0]!)) {
    const { settings } = bundles[members[0]!]!;
    const limit = concurrencyOf(settings);
    const after = members.flatMap((index) => bundles[index]!.after);
    if (limit !== undefined) {
      const sharing = canonicalJson(sharingOf(settings) as JsonValue);
      after.push(...(before.get(sharing) ?? []));
      before.set(sharing, members);
    }
    arrays.push({
      settings,
      bundles: members,
      offset: mostElements * Math.floor(members[0]! / mostElements),
      after: sortedAfter(after),
      ...(limit !== undefined && { limit }),
    });
  }
  return arrays;
}

/** What sbatch takes as `--array`, such as `3,5-9%4`. */
export function arrayText({ bundles, offset, limit }: Pick<JobArray<object>, 'bundles' | 'offset' | 'limit'>): string {
  const ranges: [first: number, last: number][] = [];
  for (const index of bundles) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  const text = ranges
    .map(([first, last]) => (first === last ? `${first - offset}` : `${first - offset}-${last - offset}`))
    .join();
  return limit === undefined ? text : `${text}%${limit}`;
}

/**
 * What Slurm calls the job of a bundle, such as `123_4`; undefined where it is not submitted.
 * @param arrays of the submission
 */
export function elementOf(arrays: readonly JobArray<object>[], bundle: number): string | undefined {
  const array = arrays.find(({ bundles }) => bundles.includes(bundle));
  return array?.job === undefined ? undefined : `${array.job}_${bundle - array.offset}`;
}

/**
 * What Slurm calls the jobs that an array waits for: whole arrays where all elements are waited for (`123`), else
 * elements (`123_4`).
 * @param arrays of the submission; what this one waits for is submitted
 */
export function awaitedJobs({ after }: Pick<JobArray<object>, 'after'>, arrays: readonly JobArray<object>[]): string[] {
  const awaited = new Set(after);
  const own = arrays.flatMap(({ bundles, offset, job }) => {
    const elements = bundles.filter((index) => awaited.has(index));
    if (elements.length > 0 && job === undefined) throw new Error('An array waits for one that is not submitted.');
    return elements.length === bundles.length ? [job!] : elements.map((index) => `${job}_${index - offset}`);
  });
  return [...own, ...after.filter((each) => typeof each === 'string')];
}
