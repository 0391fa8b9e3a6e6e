/** Amounts with units, as people write them: `50GB`, `90 minutes`. */

/** Bytes by unit. */
export const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** @returns the amount by the smallest of the units; undefined for what is no number with one of them */
export function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? [];
  return number === undefined || !Object.hasOwn(units, unit) ? undefined : Number(number) * units[unit]!;
}
