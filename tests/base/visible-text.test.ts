/** What is shown of text from outside: nothing that a terminal obeys or nobody sees, and all else as it is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visible, visibleLine } from '../../src/base/visible-text.ts';

/** What must never come out, whatever stands around it. */
const FORBIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\ufffe\uffff\u{e0001}]|\p{Surrogate}/u;

/** Characters of every kind that has to do with this, and any others. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'\u001b\u009b\u0007\b\r\n\t\u007f\u0085\u2028\u202e\u2066\u200e\u061c\u200b\u00ad\ufeff'),
      fc.constantFrom(
        '\u200c',
        '\u200d',
        '\ufe0e',
        '\ufe0f',
        '\u{e0100}',
        '\u{e0067}',
        '\u{e007f}',
        '\u180b',
        '\u20e3',
      ),
      fc.constantFrom('\ud83d', '\udc69', '\ufdd0', '\u{1f3f4}', '\u{1f469}', '\u{1f3fd}', '❤', '1', '#', '葛', 'ᠠ'),
      fc.constantFrom('می', 'क्', 'א', 'é', 'a', '\\', '"'),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((parts) => parts.join(''));

describe('visible text', () => {
  test('never holds what a terminal would obey or nobody would see', () => {
    fc.assert(
      fc.property(text, (raw) => {
        expect(visible(raw)).not.toMatch(FORBIDDEN);
        expect(visibleLine(raw)).not.toMatch(/[\t\n]/);
      }),
    );
  });

  test.each(['\u061c\u200c', '\u180e\u180b', '\u17b4\u200d'])(
    '%j, which begins as a letter of its script does not',
    (raw) => {
      expect(visible(raw)).not.toMatch(/[\u061c\u180b\u180e\u17b4\u200c\u200d]/);
    },
  );

  test('is the same when it is shown again', () => {
    fc.assert(
      fc.property(text, (raw) => {
        expect(visible(visible(raw))).toBe(visible(raw));
        expect(visibleLine(visibleLine(raw))).toBe(visibleLine(raw));
      }),
    );
  });

  test('of JSON is JSON of the same value', () => {
    fc.assert(
      fc.property(fc.dictionary(text, text), (value) => {
        const json = JSON.stringify(value);
        expect(JSON.stringify(JSON.parse(visible(json)))).toBe(json);
        expect(JSON.stringify(JSON.parse(visibleLine(json)))).toBe(json);
      }),
    );
  });

  test('keeps what is no control: letters of all scripts, signs, spaces', () => {
    const ordinary = fc.string({
      unit: fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 1 })
        .filter((each) => !/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.test(each)),
    });
    fc.assert(fc.property(ordinary, (raw) => void expect(visible(raw)).toBe(raw)));
  });

  test.each([
    'A line,\n\tand another: −0.5 % of “é” ± 1 · 木 ©',
    'هل تبقى الأوزان الفائقة بعد التقليم؟ האם המשקלים שורדים?',
    'می‌خواهم, क्‍ष, ශ්‍රී, ന്‍',
    '👩‍👩‍👧‍👦 🏳️‍🌈 🧑🏽‍🤝‍🧑🏿 ❤️ ✌🏽 1️⃣ #️⃣ 🇩🇪 🏴󠁧󠁢󠁳󠁣󠁴󠁿 👁️‍🗨️',
    '葛󠄀 ≨︀',
  ])('%s stays as it is', (raw) => expect(visible(raw)).toBe(raw));

  test.each([
    ['\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    [
      '\u001b]8;;https://evil.example\u0007name\u001b]8;;\u001b\\',
      '\\u001b]8;;https://evil.example\\u0007name\\u001b]8;;\\u001b\\',
    ],
    ['\u009b2J, \u0085, \u009d0;title\u009c', '\\u009b2J, \\u0085, \\u009d0;title\\u009c'],
    ['a\rb\bc\fd\u007f', 'a\\rb\\bc\\fd\\u007f'],
    ['x\u202eevil\u202c \u2066y\u2069 \u200e\u200f\u061c', 'x\\u202eevil\\u202c \\u2066y\\u2069 \\u200e\\u200f\\u061c'],
    [
      'A\u200b1 A\u200d1 A\u20601 A\ufeff1 A\u00ad1 A\ufe0f1',
      'A\\u200b1 A\\u200d1 A\\u20601 A\\ufeff1 A\\u00ad1 A\\ufe0f1',
    ],
    ['A1\u{e0041}\u{e007f}', 'A1\\udb40\\udc41\\udb40\\udc7f'],
    ['\ud800x\udc00 \uffff', '\\ud800x\\udc00 \\uffff'],
    ['👩‍‍👩', '👩‍👩'.replace('\u200d', '\\u200d\\u200d')],
  ])('%j is shown as %s', (raw, shown) => expect(visible(raw)).toBe(shown));
});
