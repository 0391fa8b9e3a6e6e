/**
 * What jobs can ask Slurm for, as people write it in swp.config.json and on a command line, and as Slurm takes it. The
 * command line loads it at every start.
 */
import { BYTE_UNITS, parseQuantity } from '../base/quantities.ts';
import type { Bundling } from '../engine/executors/slurm/settings.ts';

/** A setting that is written otherwise than Slurm takes it. */
export interface WrittenValue<Value> {
  /** What can be written, in words. */
  expected: string;
  /** Undefined for what means nothing. */
  parse(text: string): Value | undefined;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** In seconds. */
const TIME_UNITS: Readonly<Record<string, number>> = {
  ...{ s: 1, second: 1, seconds: 1, min: MINUTE, minute: MINUTE, minutes: MINUTE },
  ...{ h: HOUR, hour: HOUR, hours: HOUR, d: DAY, day: DAY, days: DAY },
};
/** Slurm counts minutes in 32 bits; nobody waits so long. */
const LONGEST_TIME = 3650 * DAY;

const MEBIBYTE = 2 ** 20;
/** Slurm's own units are powers of 1024, and a number without one is MiB. */
const MEMORY_UNITS = { ...BYTE_UNITS, '': MEBIBYTE, K: 2 ** 10, M: MEBIBYTE, G: 2 ** 30, T: 2 ** 40 };
/** The process of a node takes that before it has begun. */
const LEAST_MEMORY = 64e6;

/** The time limit, as `[days-]hours:minutes:seconds`. */
export const TIME: WrittenValue<string> = {
  expected: 'a time limit such as "90 minutes", "4 hours" or, as Slurm writes it, "1-12:00:00"',
  parse: (text) => {
    if (/^(unlimited|infinite)$/i.test(text)) return 'UNLIMITED';
    const seconds = Math.ceil(parseQuantity(text, { ...TIME_UNITS, '': MINUTE }) ?? secondsOfTime(text) ?? 0);
    return seconds > 0 && seconds <= LONGEST_TIME ? timeText(seconds) : undefined;
  },
};

/** GPUs, as `NUMBER` or `TYPE:NUMBER`. */
export const GPUS: WrittenValue<string> = {
  expected: '0, a number of GPUs, or type and number such as "a100:1"',
  parse: (text) => {
    const [, type = '', number = type === '' ? undefined : '1'] =
      /^(?!auto$|none$)([a-z][\w.-]*(?=:\d|$))?:?(?:(?<=^|:)(\d{1,4}))?$/i.exec(text) ?? [];
    if (number === undefined) return undefined;
    return Number(number) === 0 || type === '' ? String(Number(number)) : `${type}:${Number(number)}`;
  },
};

/** GPUs of a job, as a command line has them: also `auto`, for one where a node needs one (null), and `none`. */
export function jobGpus(text: string): string | null | undefined {
  if (text === 'auto') return null;
  return text === 'none' ? '0' : GPUS.parse(text);
}

/** Memory in MiB; 0 for all of a machine. */
export const MEMORY: WrittenValue<number> = {
  expected: 'a size such as "16GB" or "16GiB", 64MB or more, or "0" for all of a machine',
  parse: (text) => {
    if (text === '0') return 0;
    const bytes = parseQuantity(text, MEMORY_UNITS) ?? 0;
    return bytes >= LEAST_MEMORY && bytes < 2 ** 60 ? Math.ceil(bytes / MEBIBYTE) : undefined;
  },
};

export const BUNDLE: WrittenValue<Bundling> = {
  expected: '"run", "node", or an amount of work such as "30 minutes"',
  parse: (text) => {
    if (text === 'run' || text === 'node') return text;
    const seconds = parseQuantity(text, TIME_UNITS) ?? 0;
    return seconds > 0 && seconds <= LONGEST_TIME ? { minutes: seconds / MINUTE } : undefined;
  },
};

/** What becomes an argument of sbatch, or a line of Bash. */
export const LINE: WrittenValue<string> = {
  expected: 'a text that is not empty, on one line and without control characters',
  parse: (text) => (/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/.test(text) ? text : undefined),
};

/**
 * Seconds of a time as Slurm writes it: `minutes:seconds`, `hours:minutes:seconds`, `days-hours[:minutes[:seconds]]`.
 * Undefined for what is none, such as `UNLIMITED`.
 */
export function secondsOfTime(text: string): number | undefined {
  const [, days, rest = ''] = /^(?:(\d{1,5})-)?(\d{1,7}(?::\d{1,7}){0,2})$/.exec(text) ?? [];
  const [first = NaN, second = 0, third] = rest === '' ? [] : rest.split(':').map(Number);
  const seconds =
    days !== undefined
      ? Number(days) * DAY + first * HOUR + second * MINUTE + (third ?? 0)
      : third === undefined
        ? first * MINUTE + second
        : first * HOUR + second * MINUTE + third;
  return Number.isNaN(seconds) ? undefined : seconds;
}

function timeText(seconds: number): string {
  const days = Math.floor(seconds / DAY);
  const parts = [(seconds % DAY) / HOUR, (seconds % HOUR) / MINUTE, seconds % MINUTE];
  const clock = parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
  return days > 0 ? `${days}-${clock}` : clock;
}
