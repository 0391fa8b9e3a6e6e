/** The tables of the functions in docs/exact-arithmetic.md: of the code, and of errors that were measured. */
import { FUNCTION_CONSTANTS } from '../../../src/compute/runtimes/exact/functions.ts';
import { measured } from '../measured.ts';
import { markdownTable, type Part } from '../part.ts';

export const exactArithmetic: Part = {
  blocks: { 'exact function errors': errorsTable, 'exact function constants': constantsTable },
  sentences: [],
};

function errorsTable(): string {
  return markdownTable(
    ['function', 'of x from', 'to', 'largest error, ulps', 'at'],
    measured('exact-functions').functions.map(({ name, from, to, ulps, at }) => [
      name,
      ...[from, to].map(decimalText),
      ulps.toFixed(2),
      decimalText(at),
    ]),
  );
}

/** The shortest decimal that is the float32. */
function decimalText(x: number): string {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8, 9].find((count) => Math.fround(Number(x.toPrecision(count))) === x)!;
  return String(Number(x.toPrecision(digits)));
}

function constantsTable(): string {
  const { rounding, log2e, ln2, exp, erfThreshold } = FUNCTION_CONSTANTS;
  const { expCoefficients, logCoefficients, erfCoefficients, erfRootCoefficients } = FUNCTION_CONSTANTS;
  const rows: [string, readonly number[]][] = [
    ['R, log2(e)', [rounding, log2e]],
    ['H, L', [ln2.high, ln2.low]],
    ['exp: least and largest x', [exp.least, exp.largest]],
    ['exp: polynomial', expCoefficients],
    ['log: polynomial', logCoefficients],
    ['erf: threshold', [erfThreshold]],
    ['erf: first polynomial', erfCoefficients],
    ['erf: second polynomial', erfRootCoefficients],
  ];
  return markdownTable(
    ['what', 'bits'],
    rows.map(([name, bits]) => [name, bits.map((each) => `\`${each.toString(16).padStart(8, '0')}\``).join(' ')]),
  );
}
