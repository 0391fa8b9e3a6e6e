/** Checks what another program passes to the public API: JavaScript has no compiler that would tell. */
import { SwpError } from '../base/failure.ts';
import { entryOf } from '../base/json.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';

export interface OptionType {
  /** What is accepted, in words. */
  expected: string;
  accepts(value: unknown): boolean;
}

export const TEXT: OptionType = {
  expected: 'a string that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
};
export const SELECTORS: OptionType = {
  expected: "a list of selectors, such as ['stage=eval', 'experiment=A1']",
  accepts: (value) => Array.isArray(value) && value.every((word) => typeof word === 'string'),
};
/** As --jobs of the command line. */
export const JOBS: OptionType = {
  expected: 'a whole number from 1 to 9999',
  accepts: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 9999,
};
export const BYTES: OptionType = {
  expected: 'a positive number of bytes',
  accepts: (value) => typeof value === 'number' && value > 0 && value < Infinity,
};
/** As --keep of the command line. */
export const KEEP: OptionType = {
  expected: "'all', 'last' or 'none'",
  accepts: (value) => ['all', 'last', 'none'].includes(value as string),
};
export const SIGNAL: OptionType = { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal };
export const FUNCTION: OptionType = { expected: 'a function', accepts: (value) => typeof value === 'function' };

/**
 * @param caller such as `run`
 * @throws SwpError of kind `usage` for an option that does not exist, or a value that it cannot have
 */
export function checkOptions(caller: string, options: unknown, types: Record<string, OptionType>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new SwpError({
      kind: 'usage',
      message: `The options of ${caller} are ${shown(options)}.`,
      expected: `an object with ${listNames(Object.keys(types))}`,
    });
  for (const [name, value] of Object.entries(options)) {
    const type = entryOf(types, name);
    if (type === undefined)
      throw new SwpError({
        kind: 'usage',
        message: `${caller} has no option "${name}".`,
        expected: listNames(Object.keys(types)),
        suggestion: nearestName(name, Object.keys(types)),
      });
    if (value !== undefined) checkArgument(caller, name, value, type);
  }
}

/** @throws SwpError of kind `usage` for a value that the argument cannot have */
export function checkArgument(caller: string, name: string, value: unknown, { expected, accepts }: OptionType): void {
  if (accepts(value)) return;
  throw new SwpError({ kind: 'usage', message: `"${name}" of ${caller} is ${shown(value)}.`, expected });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
