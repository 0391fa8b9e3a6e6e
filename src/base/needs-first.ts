/** Puts what is needed before what needs it. */

/**
 * Otherwise the given order stays as far as it can. Without recursion: a chain may be longer than the stack is deep.
 * @param needsOf keys that are among the given ones; without a circle
 */
export function needsFirst<Key>(keys: Iterable<Key>, needsOf: (key: Key) => readonly Key[]): Key[] {
  const ordered = new Set<Key>();
  for (const first of keys) {
    const open = [first];
    while (open.length > 0) {
      const key = open.at(-1)!;
      const missing = ordered.has(key) ? [] : needsOf(key).filter((needed) => !ordered.has(needed));
      if (missing.length > 0) open.push(...missing.reverse());
      else ordered.add(open.pop()!);
    }
  }
  return [...ordered];
}
