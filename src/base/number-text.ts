/**
 * Numbers as text. Rounding keeps what a reader decides by: a number other than 0 is never printed as 0, and none as a
 * number that it is told apart from (a level, a tolerance, the other end of its interval). Where the asked digits would
 * make two numbers alike, the number gets as many more as it takes.
 */

const MINUS = '\u2212';

/** Numbers that differ by a smaller share of them are one: sums of equal numbers can differ in their last digit. */
const ROUNDING = 1e-12;

/** Sizes outside these are written with a power of ten. */
const SMALL = 1e-6;
const LARGE = 1e15;

/**
 * A number with a fixed number of decimals, a real minus sign and thousands separated by commas; `2.8e-12` where
 * decimals would be too many.
 * @param digits decimals; more only where the number would look like 0 or like one of `apart`
 * @param apart numbers that the text must not be mistaken for: it lies on the same side of each as the number does, and
 *   two numbers that have each other here are printed in their order
 */
export function decimal(value: number, digits: number, apart: readonly number[] = []): string {
  return withMinus(value, magnitudeText(value, digits, [...exactly(value, [0]), ...others(value, apart)]));
}

/** The same with its sign always shown, for differences. */
export function signed(value: number, digits: number, apart: readonly number[] = []): string {
  const text = decimal(value, digits, apart);
  return text.startsWith(MINUS) ? text : `+${text}`;
}

/** A share in per cent: `41.0 %`. Only a share of 1 is 100 %. @param apart other shares */
export function percent(share: number, digits = 1, apart: readonly number[] = []): string {
  const value = 100 * share;
  const references = [
    ...exactly(value, [0, 100]),
    ...others(
      value,
      apart.map((other) => 100 * other),
    ),
  ];
  return `${withMinus(value, magnitudeText(value, digits, references))} %`;
}

/** A declared share in per cent, with all its digits: `95 %`, `12.5 %`. */
export function exactPercent(share: number): string {
  return `${withMinus(share, String(Number((100 * Math.abs(share)).toPrecision(15))))} %`;
}

/** So many significant digits, without zeros at the end: `0.0123`. More where the number would look like `apart`. */
export function significant(value: number, digits: number, apart: readonly number[] = []): string {
  if (!Number.isFinite(value) || value === 0) return String(Math.abs(value));
  const rounded = (number: number, figures: number) => Number(number.toPrecision(figures));
  const references = others(value, apart);
  let figures = Math.max(1, digits);
  // Seventeen digits tell any two numbers apart.
  while (figures < 17 && references.some((other) => rounded(other, figures) === rounded(value, figures))) figures += 1;
  return String(rounded(value, figures));
}

/** The numbers that this one does not equal. */
function exactly(value: number, apart: readonly number[]): number[] {
  return apart.filter((other) => Number.isFinite(other) && other !== value);
}

/** The numbers that this one does not equal up to rounding. */
function others(value: number, apart: readonly number[]): number[] {
  return exactly(value, apart).filter((other) => Math.abs(other - value) > ROUNDING * Math.abs(value));
}

function withMinus(value: number, text: string): string {
  return value < 0 ? `${MINUS}${text}` : text;
}

/** Without its sign. */
function magnitudeText(value: number, digits: number, references: readonly number[]): string {
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 'NaN';
  if (size === Infinity) return '∞';
  if (size === 0) return atDecimals(0, digits); // nothing else is printed as 0
  if (size !== 0 && (size < SMALL || size >= LARGE)) return powerText(value, references);
  let decimals = digits;
  while (
    decimals < MOST_DECIMALS &&
    references.some((other) => atDecimals(other, decimals) === atDecimals(value, decimals))
  )
    decimals += 1;
  return atDecimals(size, decimals);
}

/** These tell any two numbers apart that are not too small for decimals, and not one up to rounding. */
const MOST_DECIMALS = 20;

const FORMATS = new Map<number, Intl.NumberFormat>();

/** Rounded half away from zero by its decimal digits: 1.2345 to three decimals is 1.235. No zero has a sign. */
function atDecimals(value: number, decimals: number): string {
  let format = FORMATS.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      signDisplay: 'negative',
    });
    FORMATS.set(decimals, format);
  }
  return format.format(value);
}

function powerText(value: number, references: readonly number[]): string {
  let decimals = 1;
  while (decimals < 16 && references.some((other) => other.toExponential(decimals) === value.toExponential(decimals)))
    decimals += 1;
  const [mantissa = '', exponent = ''] = Math.abs(value).toExponential(decimals).split('e');
  return `${Number(mantissa)}e${Number(exponent)}`;
}
