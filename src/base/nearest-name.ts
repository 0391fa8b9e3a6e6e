/** Names in messages: how they are shown, and which known one somebody most likely meant. */
import { distance } from 'fastest-levenshtein';
import { visibleLine } from './visible-text.ts';

/** Longer names are nobody's slip of a known one, and are cut where they are shown. */
const LONGEST_SHOWN = 100;

/** A name as messages show it: in quotes, cut if it is long, and without characters that a terminal would obey. */
export function quoted(name: string): string {
  const shown = name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN - 3)}...` : name;
  return visibleLine(JSON.stringify(shown));
}

/** The known name nearest to `name`, if it is near enough to be a slip: a third of its letters, at least two. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > LONGEST_SHOWN) return undefined;
  const allowed = Math.max(2, Math.floor(name.length / 3));
  let best: { name: string; edits: number } | undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > allowed) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (
      edits <= allowed &&
      edits < Math.max(name.length, candidate.length) &&
      (best === undefined || edits < best.edits)
    )
      best = { name: candidate, edits };
  }
  return best?.name;
}

/** `"a", "b" or "c"`; long lists are cut. */
export function listNames(names: Iterable<unknown>, limit = 12): string {
  const given = [...names];
  const all = given.slice(0, limit).map((name) => (typeof name === 'string' ? quoted(name) : JSON.stringify(name)));
  if (given.length > limit) return `${all.join(', ')}, ... (${given.length} in all)`;
  if (all.length < 2) return all.join('');
  return `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}
