/**
 * Text from outside (studies, records of other users, programs, folder names) in a form that may be shown anywhere. It
 * can hold characters that a terminal obeys (ESC, U+009B), that let a line read in another order than it is written
 * (bidirectional controls, CVE-2021-42574), or that make two names look alike (zero-width characters). Each is shown as
 * JSON writes it: ESC as `\u001b`. So a JSON text stays the same value, and a study shows what its file can say.
 *
 * Everything else stays byte for byte: letters of all scripts, emoji with their joiners, the joiners that Persian and
 * the scripts of India need, and the selectors of Han and Mongolian variants.
 */

/** New lines and tabs apart: they are layout, and in what has to stay in its line `visibleLine` shows them too. */
const HIDDEN =
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029\\ufff9-\\ufffb\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}\\p{Surrogate}]';

/** One emoji: with skin tone, with the selector of its form. */
const PICTURE = '\\p{Extended_Pictographic}[\\u{1f3fb}-\\u{1f3ff}]?[\\ufe0e\\ufe0f]?';

/** Scripts whose words need joiners and non-joiners (RFC 5892, appendix A, where they are context rules). */
const JOINING = [
  ...['Arabic', 'Syriac', 'Nko', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil'],
  ...['Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Myanmar', 'Khmer', 'Tibetan'],
];

/** Stands before a letter: a script has invisible characters of its own, such as the Arabic letter mark. */
const SEEN = '(?!\\p{Default_Ignorable_Code_Point})';

/** Where invisible characters belong to what is written: they stay. */
const ORTHOGRAPHIC = [
  // The flags of England, Scotland and Wales.
  '\\u{1f3f4}\\u{e0067}\\u{e0062}(?:\\u{e0065}\\u{e006e}\\u{e0067}|\\u{e0073}\\u{e0063}\\u{e0074}|\\u{e0077}\\u{e006c}\\u{e0073})\\u{e007f}',
  `${PICTURE}(?:\\u200d${PICTURE})*`,
  '[0-9#*]\\ufe0f\\u20e3',
  `${SEEN}[${JOINING.map((script) => `\\p{Script=${script}}`).join('')}][\\u200c\\u200d]`,
  '[\\p{Script=Han}\\p{Script=Myanmar}\\p{Sm}][\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]',
  `${SEEN}\\p{Script=Mongolian}[\\u180b-\\u180d\\u180f]`,
];

const PLAIN = /^[\t\n\u0020-\u007e]*$/;
let pattern: RegExp | undefined;

/**
 * The text with characters that would be obeyed, or would not be seen, as JSON escapes. New lines and tabs stay. What
 * is shown once stays as it is.
 */
export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  // Made when it is first needed: most that swp shows is ASCII.
  pattern ??= new RegExp(`(${ORTHOGRAPHIC.join('|')})|${HIDDEN}`, 'gu');
  return text.replace(pattern, (found: string, kept?: string) => kept ?? escaped(found));
}

/** The same for what has to stay in one line: new lines and tabs are shown too. */
export function visibleLine(text: string): string {
  return visible(text).replace(/[\t\n]/g, escaped);
}

const SHORT: Record<string, string> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r' };

/** A character as in a JSON string; one beyond U+FFFF as its two surrogates. */
function escaped(character: string): string {
  return character.replace(/[^]/g, (unit) => SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
