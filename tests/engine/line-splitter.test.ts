/** Lines out of pieces: however they are cut, and with little held of a line that never ends. */
import { expect, it } from 'vitest';
import { LineSplitter } from '../../src/engine/line-splitter.ts';

function linesOf(pieces: Iterable<string>, longest?: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), longest);
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

it('gives the same lines however the text is cut', () => {
  const text = 'one\ntwo\r\n\r\nthree\rfour\n\nlast';
  const expected = ['one', 'two', '', 'three', 'four', '', 'last'];
  for (let size = 1; size <= text.length; size++)
    expect(linesOf(text.match(new RegExp(`[^]{1,${size}}`, 'g'))!), `pieces of ${size}`).toEqual(expected);
});

it('has no line after the last end', () => {
  expect(linesOf(['a\n', 'b\n'])).toEqual(['a', 'b']);
  expect(linesOf([])).toEqual([]);
});

it('passes a line that is too long on in pieces, and loses nothing of it', () => {
  expect(linesOf(['abcd', 'efgh\nij'], 3)).toEqual(['abc', 'def', 'gh', 'ij']);
  expect(linesOf(['abc\n', 'abcdef\n'], 3)).toEqual(['abc', 'abc', 'def']);
});

it('holds little of a line that never ends', () => {
  let [longest, total] = [0, 0];
  const splitter = new LineSplitter((line) => {
    longest = Math.max(longest, line.length);
    total += line.length;
  });
  const piece = 'x'.repeat(2 ** 16);
  for (let count = 0; count < 2_000; count++) splitter.push(piece);
  splitter.end();
  expect(total).toBe(2_000 * piece.length);
  expect(longest).toBe(2 ** 20);
});
