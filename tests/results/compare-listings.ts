/** Compares what two versions made of one study: by place and artifact, never by key: keys change with the code. */
import { differences } from '../../src/base/json-diff.ts';
import type { JsonValue } from '../../src/base/json.ts';
import { EXPECTED_NAMES, type ExpectedDifference } from './expected-differences.ts';

/** An artifact of a node, a node's metrics, or a file of the report. */
export interface Item {
  /** Undefined for a file of the report. */
  stage: string | undefined;
  /** What an expected difference is listed for: `train.weights`, `report/index.html`. */
  kind: string;
  /** Null where only the digest is known, because the artifact has been deleted to save space. */
  content: Buffer | null;
  sha256: string;
}

/** What one version made of a study. */
export interface Listing {
  /** By place and artifact: `A1 seed 0 round 1 prune: mask`. */
  items: Map<string, Item>;
  /** The place of each node by its key. */
  places: Map<string, string>;
}

export interface Comparison {
  equal: number;
  /** `where: what` with the reason that is listed for it, and how often. */
  expected: Map<string, number>;
  added: string[];
  removed: string[];
  /** What is not listed: one line each. */
  unexpected: string[];
}

/** Its artifact holds the keys of what it gathered; the artifacts of all other stages are compared byte by byte. */
const AGGREGATE = 'aggregate';
/** Two lists of pieces go on alike where so many in a row are equal. */
const MEETING = 3;
/** Lists that differ for longer than this are not searched for where they meet again. */
const FARTHEST_MEETING = 2_000;
/** As many digits of a key as texts show at least. */
const SHORT_KEY = 8;

/** @param expected what may differ */
export function compareListings(before: Listing, after: Listing, expected: readonly ExpectedDifference[]): Comparison {
  const comparison: Comparison = { equal: 0, expected: new Map(), added: [], removed: [], unexpected: [] };
  const texts = [textWithNames(before), textWithNames(after)] as const;
  const [items, otherItems] = [byExpectedName(before), byExpectedName(after)];

  for (const [name, item] of items) {
    const other = otherItems.get(name);
    if (other === undefined) {
      comparison.removed.push(name);
      wholeFile(comparison, expected, item, name, 'removed');
    } else if (item.sha256 === other.sha256) comparison.equal++;
    else if (item.stage !== undefined && item.stage !== AGGREGATE) {
      comparison.unexpected.push(`${name}: bytes differ (SHA-256 ${item.sha256} before, ${other.sha256} after)`);
    } else if (item.content === null || other.content === null) {
      comparison.unexpected.push(`${name}: differs, and its content is not there to be compared`);
    } else {
      const before = texts[0](item.content);
      const after = texts[1](other.content);
      const rules = expected.filter(({ where }) => where.test(item.kind));
      const unlisted = /\.png$/.test(name)
        ? ['bytes differ']
        : isJson(before) && isJson(after)
          ? jsonDifferences(comparison, item.kind, before, after, rules)
          : textDifferences(comparison, item.kind, before, after, rules);
      comparison.unexpected.push(...unlisted.map((what) => `${name}: ${what}`));
      if (unlisted.length === 0) comparison.equal++;
    }
  }
  for (const [name, item] of otherItems) {
    if (items.has(name)) continue;
    comparison.added.push(name);
    wholeFile(comparison, expected, item, name, 'added');
  }
  return comparison;
}

function wholeFile(
  comparison: Comparison,
  expected: readonly ExpectedDifference[],
  item: Item,
  name: string,
  what: 'added' | 'removed',
): void {
  const rule = expected.find((rule) => rule.what === what && rule.where.test(item.kind));
  if (rule === undefined) comparison.unexpected.push(`${name}: ${what}`);
  else count(comparison, item.kind, what, rule);
}

function count(comparison: Comparison, kind: string, what: string, rule: ExpectedDifference): void {
  const line = `${kind}: ${what} (${rule.reason})`;
  comparison.expected.set(line, (comparison.expected.get(line) ?? 0) + 1);
}

/**
 * A function that reads a file as text in which every key of a node, whole or cut short, is the place of the node.
 * Likewise the digests of what aggregate wrote: they depend on the keys in it.
 */
function textWithNames({ places, items }: Listing): (content: Buffer) => string {
  const named = [...places].map(([key, place]) => ({ digits: key, name: `node ${place}` }));
  for (const [name, { stage, sha256 }] of items) if (stage === AGGREGATE) named.push({ digits: sha256, name });
  const byShortKey = new Map(named.map((entry) => [entry.digits.slice(0, SHORT_KEY), entry]));
  return (content) =>
    expectedName(
      content.toString('utf8').replace(/\b[0-9a-f]{8,64}\b/g, (digits) => {
        const entry = byShortKey.get(digits.slice(0, SHORT_KEY));
        return entry?.digits.startsWith(digits) ? entry.name : digits;
      }),
    );
}

function expectedName(text: string): string {
  return EXPECTED_NAMES.reduce((named, { pattern, replacement }) => named.replace(pattern, replacement), text);
}

function byExpectedName({ items }: Listing): Map<string, Item> {
  return new Map(
    [...items].map(([name, item]) =>
      item.stage === undefined ? [expectedName(name), { ...item, kind: expectedName(item.kind) }] : [name, item],
    ),
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function jsonDifferences(
  comparison: Comparison,
  kind: string,
  before: string,
  after: string,
  rules: ExpectedDifference[],
): string[] {
  const unlisted: string[] = [];
  for (const difference of differences(JSON.parse(before) as JsonValue, JSON.parse(after) as JsonValue)) {
    const field = difference.path.replace(/\[\d+\]/g, '[]');
    const rule = rules.find(
      ({ what, newField }) =>
        what instanceof RegExp && what.test(field) && (newField !== true || difference.before === undefined),
    );
    if (rule !== undefined) count(comparison, kind, field, rule);
    else unlisted.push(`${difference.path}: ${shown(difference.before)} before, ${shown(difference.after)} after`);
  }
  return unlisted;
}

/**
 * Compares markup tag by tag, other text line by line; how much white space stands between words does not count.
 *
 * @returns the stretches that differ
 */
function textDifferences(
  comparison: Comparison,
  kind: string,
  before: string,
  after: string,
  rules: ExpectedDifference[],
): string[] {
  const isMarkup = before.trimStart().startsWith('<');
  const pieces = [before, after].map((text) => {
    let masked = text;
    for (const rule of rules) {
      if (rule.what instanceof RegExp) masked = masked.replace(new RegExp(rule.what, 'g'), '');
    }
    return masked
      .split(isMarkup ? /(<[^>]*>)/ : '\n')
      .map((piece) =>
        piece
          .replace(/\s+/g, ' ')
          .replace(/ (?=\/?>$)/, '')
          .trim(),
      )
      .filter((piece) => piece !== '');
  }) as [string[], string[]];
  const ignored = rules.filter(({ what }) => what instanceof RegExp && what.test(before) && what.test(after));
  for (const rule of ignored) count(comparison, kind, String(rule.what), rule);

  return stretches(...pieces).map(([from, to]) => `${shown(from)} before, ${shown(to)} after`);
}

/** @returns the stretches in which two lists differ; each ends where MEETING pieces in a row are equal again */
function stretches(a: string[], b: string[]): [string[], string[]][] {
  const found: [string[], string[]][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (a[i] === b[j]) {
      i++;
      j++;
      continue;
    }
    const [skipA, skipB] = nextMeeting(a.slice(i), b.slice(j));
    found.push([a.slice(i, i + skipA), b.slice(j, j + skipB)]);
    i += skipA;
    j += skipB;
  }
  return found;
}

/** How many pieces of each list to leave out, as few as possible, until both go on alike. */
function nextMeeting(a: string[], b: string[]): [number, number] {
  for (let total = 1; total < Math.min(a.length + b.length, FARTHEST_MEETING); total++) {
    for (let skipA = Math.max(0, total - b.length); skipA <= Math.min(total, a.length); skipA++) {
      const skipB = total - skipA;
      const length = Math.min(MEETING, a.length - skipA, b.length - skipB);
      if (length > 0 && a.slice(skipA, skipA + length).every((piece, k) => piece === b[skipB + k]))
        return [skipA, skipB];
    }
  }
  return [a.length, b.length];
}

function shown(value: JsonValue | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text;
}
