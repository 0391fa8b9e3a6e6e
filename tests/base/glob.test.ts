/** Globs: what they match, and that no pattern takes long. */
import fc from 'fast-check';
import picomatch from 'picomatch';
import { describe, expect, test } from 'vitest';
import { globMatcher, LONGEST_GLOB } from '../../src/base/glob.ts';

describe('a glob', () => {
  test.each([
    ['A1', ['A1'], ['A11', 'a1', '']],
    ['A*', ['A', 'A1', 'A1-random'], ['B1', 'A/x']],
    ['*-random', ['A1-random'], ['-randomx']],
    ['A?', ['A1', 'AB'], ['A', 'A12', 'A/']],
    ['[1-3]', ['1', '2', '3'], ['4', '0', '12', '']],
    ['[!1-3]x', ['4x'], ['1x', '/x']],
    ['[^a]', ['b'], ['a']],
    ['[]]', [']'], ['[']],
    ['[', ['['], ['a']],
    ['B{1,2}-*', ['B1-x', 'B2-y'], ['B3-x', 'B-x', 'B1']],
    ['{a,b{c,d*}}e', ['ae', 'bce', 'bdxe'], ['be', 'ce', 'bcde']],
    ['{a}', ['a'], ['{a}x']],
    ['a}b{', ['a}b{'], ['ab']],
    ['[{]}', ['{}'], ['}']],
    ['\\*', ['*'], ['x']],
    ['!A*', ['B1'], ['A1']],
    ['stages/*.py', ['stages/a.py'], ['stages/sub/a.py', 'stages/.a.py']],
    ['stages/**/*.py', ['stages/a.py', 'stages/x/y/a.py'], ['stages/.venv/a.py', 'a.py']],
    ['stages/**', ['stages/a', 'stages/x/y'], ['stage/a', 'stages/.x/y']],
    ['**', ['a', 'a/b'], ['.a', 'a/.b']],
    ['a**b', ['ab', 'axxb'], ['a/b']],
  ] as [string, string[], string[]][])('%s', (pattern, matched, others) => {
    const matches = globMatcher(pattern);
    expect(matched.filter((name) => !matches(name))).toEqual([]);
    expect(others.filter(matches)).toEqual([]);
  });

  test('wildcards match a dot at the beginning where that is asked for', () => {
    expect(globMatcher('*.weight', { dot: true })('.a.weight')).toBe(true);
    expect(globMatcher('*.weight')('model.layers.0.weight')).toBe(true);
  });

  test('several are alternatives', () => {
    const matches = globMatcher(['A1', 'B*']);
    expect(['A1', 'B7', 'C1', 'A2'].map(matches)).toEqual([true, true, false, false]);
  });

  test('agrees with an independent matcher on names with stars and question marks', () => {
    const letters = (more: string[]) =>
      fc.string({ unit: fc.constantFrom('a', 'b', '-', ...more), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(letters(['*', '?']), letters([]), (pattern, name) => {
        expect([pattern, name, globMatcher(pattern)(name)]).toEqual([pattern, name, picomatch(pattern)(name)]);
      }),
      { numRuns: 2000 },
    );
  });

  test('takes no more than its length times that of the name, however often it could go back', () => {
    const name = `${'a'.repeat(5000)}c`;
    for (const pattern of [
      '*a'.repeat(400),
      `${'*a'.repeat(400)}b`,
      `${'{a,aa,*}'.repeat(100)}b`,
      `${'**/'.repeat(300)}b`,
    ])
      expect(globMatcher(pattern)(name)).toBe(false);
  });

  test('of any characters compiles, and matches itself', () => {
    const pattern = fc.string({ unit: fc.constantFrom(...'a*?[]{}!^-,\\/.'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, (text) => {
        expect(globMatcher(text)(text)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('that is too long is refused', () => {
    expect(() => globMatcher('a'.repeat(LONGEST_GLOB + 1))).toThrow('A pattern has 1001 characters.');
    expect(globMatcher('a'.repeat(LONGEST_GLOB))('a')).toBe(false);
  });
});
