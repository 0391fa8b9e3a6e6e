/** Comparing the results of two versions: what counts as a difference. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compareListings, type Listing } from './compare-listings.ts';
import { EXPECTED_DIFFERENCES, type ExpectedDifference } from './expected-differences.ts';

/** What a version made whose keys start with `digit`. */
function listing(digit: string, changed: Record<string, string> = {}): Listing {
  const key = digit.repeat(64);
  const contents: Record<string, string> = {
    'A1 seed 0 round 1 prune: mask': 'bits',
    'study aggregate: results': JSON.stringify({ runs: [{ key, loss: 1.5 }] }),
    'report/index.html': `<p>Loss 1.5 of <code>${key.slice(0, 12)}</code>,\n swp 0.${digit}.0 at commit ${digit}af</p><hr>`,
    ...changed,
  };
  const items = Object.entries(contents).map(([name, text]) => {
    const content = Buffer.from(text);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const stage = name.startsWith('report') ? undefined : name.includes('aggregate') ? 'aggregate' : 'prune';
    const kind = stage === undefined ? name : `${stage}.${name.split(': ')[1]}`;
    return [name, { stage, kind, content, sha256 }] as const;
  });
  return { items: new Map(items), places: new Map([[key, 'A1 seed 0 round 1 eval']]) };
}

const unexpected = (changed: Record<string, string>, expected: readonly ExpectedDifference[] = EXPECTED_DIFFERENCES) =>
  compareListings(listing('1'), listing('2', changed), expected).unexpected;

describe('the results of two versions', () => {
  it('are equal although keys and the version that the report names differ', () => {
    const comparison = compareListings(listing('1'), listing('2'), EXPECTED_DIFFERENCES);
    expect(comparison).toMatchObject({ equal: 3, added: [], removed: [], unexpected: [] });
    expect([...comparison.expected]).toEqual([[expect.stringContaining('the version that made them'), 1]]);
  });

  it('differ where one byte of an artifact does, whatever is listed', () => {
    const everything = [{ where: /./, what: /./, reason: 'a list that is too wide' }];
    expect(unexpected({ 'A1 seed 0 round 1 prune: mask': 'bitz' }, everything)).toEqual([
      expect.stringMatching(/^A1 seed 0 round 1 prune: mask: bytes differ/),
    ]);
  });

  it('differ where a field of what aggregate wrote does, unless the field is listed', () => {
    const changed = {
      'study aggregate: results': JSON.stringify({ runs: [{ key: '2'.repeat(64), loss: 1.5, phase: 'pruned' }] }),
    };
    expect(unexpected(changed)).toEqual(['study aggregate: results: runs[0].phase: nothing before, "pruned" after']);
    const rule = { where: /^aggregate\.results$/, newField: true as const, reason: 'a new field' };
    expect(unexpected(changed, [...EXPECTED_DIFFERENCES, { ...rule, what: /^runs\[\]\.phase$/ }])).toEqual([]);
    const loss = { 'study aggregate: results': JSON.stringify({ runs: [{ key: '2'.repeat(64), loss: 1.6 }] }) };
    expect(unexpected(loss, [...EXPECTED_DIFFERENCES, { ...rule, what: /^runs\[\]\.loss$/ }])).toEqual([
      'study aggregate: results: runs[0].loss: 1.5 before, 1.6 after',
    ]);
  });

  it('differ where aggregate names another node', () => {
    const other = { 'study aggregate: results': JSON.stringify({ runs: [{ key: '3'.repeat(64), loss: 1.5 }] }) };
    expect(unexpected(other)).toEqual([expect.stringContaining('runs[0].key: "node A1 seed 0 round 1 eval" before')]);
  });

  it('differ where a page says something else; white space in the markup says nothing', () => {
    const page = (loss: string, end: string) =>
      `<p >Loss\n${loss} of <code>${'2'.repeat(12)}</code>, swp 0.2.0 at commit 2af</p>\n${end}`;
    expect(unexpected({ 'report/index.html': page('1.5', '<hr>\n') })).toEqual([]);
    expect(unexpected({ 'report/index.html': page('1.6', '<hr class="wide">') })).toEqual([
      'report/index.html: ["Loss 1.5 of"] before, ["Loss 1.6 of"] after',
      'report/index.html: ["<hr>"] before, ["<hr class=\\"wide\\">"] after',
    ]);
  });

  it('differ where an artifact or a page is added or removed, unless that is listed', () => {
    const added = { 'report/7-new.html': '<p>new</p>' };
    expect(unexpected(added)).toEqual(['report/7-new.html: added']);
    const listed: ExpectedDifference = { where: /^report\/7-new\.html$/, what: 'added', reason: 'a new page' };
    expect(unexpected(added, [...EXPECTED_DIFFERENCES, listed])).toEqual([]);

    const comparison = compareListings(listing('1', added), listing('2'), EXPECTED_DIFFERENCES);
    expect(comparison).toMatchObject({ removed: ['report/7-new.html'], unexpected: ['report/7-new.html: removed'] });
  });

  it('are compared although a figure has another letter now', () => {
    const figure = (letter: string, loss: number) => ({
      [`report/figures/1${letter}-loss.json`]: JSON.stringify({ loss }),
    });
    const before = listing('1', figure('b', 1.5));
    expect(compareListings(before, listing('2', figure('c', 1.5)), EXPECTED_DIFFERENCES)).toMatchObject({
      equal: 4,
      unexpected: [],
    });
    expect(compareListings(before, listing('2', figure('c', 1.6)), EXPECTED_DIFFERENCES).unexpected).toEqual([
      'report/figures/1-loss.json: loss: 1.5 before, 1.6 after',
    ]);
  });
});
