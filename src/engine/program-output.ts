/**
 * What a program says on its standard output: lines of JSON with its progress and its metrics, and lines for the log.
 * A line that was meant to hold the metrics and does not is remembered, so that the failure can show it.
 */
import { SwpError, type Failure, type SourceLocation } from '../base/failure.ts';
import { JsonSource } from '../base/json-source.ts';
import { nearestName } from '../base/nearest-name.ts';
import { LONGEST_LINE } from './line-splitter.ts';
import type { Metrics, Progress, StageJob } from './stage.ts';

type StudyFailure = Extract<Failure, { kind: 'study' }>;

const STREAM = 'standard output';
const ONE_LINE = '{"metrics": {...}} on one line of standard output, in UTF-8';
const FLAT = 'an object of numbers, strings, booleans and null, such as {"metrics": {"loss": 2.5}}';

/**
 * Texts, and outside of them what JSON cannot hold: what Python's `json` and others write of numbers that are not
 * finite, and integers of many digits. A text that does not end reaches to the end of the line: if each of its
 * characters were tried as the beginning of another, a line of a megabyte would take hours.
 */
const ODD_NUMBER = /"(?:[^"\\]|\\.)*"?|-?\b(NaN|Infinity)\b|(?<![\d.eE+-])(-?\d{16,})(?![\d.eE])/g;

/** Above the line of metrics, so that messages count the program's lines; more lines are not worth the memory. */
const MOST_LINES_BEFORE = 100_000;

interface Message {
  progress?: unknown;
  metrics?: unknown;
}

export class ProgramOutput {
  readonly #job: Pick<StageJob<unknown>, 'progress' | 'log'>;
  #line = 0;
  #metrics: Metrics | undefined;
  #metricsLine = 0;
  /** Why the metrics cannot be taken, wherever they stand. */
  #mistake: StudyFailure | undefined;
  /** What a line lacks to be the metrics; it matters if there are none. */
  #almost: StudyFailure | undefined;
  #isOpen = false;
  #onStandardError = false;
  #explainedProgress = false;

  constructor(job: Pick<StageJob<unknown>, 'progress' | 'log'>) {
    this.#job = job;
  }

  /** A line of standard output, without its end. */
  hear(line: string): void {
    this.#line += 1;
    const text = line.replace(/^\uFEFF/, '').trim();
    const said = text.startsWith('{') ? parse(text) : undefined;
    if (said === undefined || (said.metrics === undefined && said.progress === undefined)) {
      this.#almost ??= this.#whatItLacks(text, said);
      this.#isOpen = this.#isOpen || (text.startsWith('{') && said === undefined);
      this.#job.log(line);
      return;
    }
    if (said.progress !== undefined) this.#hearProgress(said.progress, line);
    if (said.metrics !== undefined) this.#hearMetrics(said.metrics, text, line);
  }

  /** A line of standard error, without its end. */
  hearError(line: string): void {
    this.#onStandardError ||= parse(line.trim())?.metrics !== undefined;
  }

  /**
   * The metrics, once the program has ended.
   * @throws SwpError of kind `study` that shows the line which cannot be taken; Error if there is none
   */
  metrics(): Metrics {
    const failure = this.#mistake ?? (this.#metrics === undefined ? this.#almost : undefined);
    if (failure !== undefined) throw new SwpError(failure);
    if (this.#metrics !== undefined) return this.#metrics;
    const where = this.#onStandardError ? ' It wrote one to standard error.' : '';
    throw new Error(`The program wrote no line {"metrics": {...}} to its standard output.${where}`);
  }

  #hearProgress(said: unknown, line: string): void {
    const { done, total, values } = (isObject(said) ? said : {}) as Partial<Progress>;
    if (isCount(done) && isCount(total)) {
      this.#job.progress({ done, total, ...(isObject(values) && { values }) });
      return;
    }
    this.#job.log(line);
    if (!this.#explainedProgress) this.#job.log('This is no progress: "done" and "total" must be numbers, 0 or more.');
    this.#explainedProgress = true;
  }

  #hearMetrics(said: unknown, text: string, line: string): void {
    if (!isObject(said)) {
      this.#almost ??= this.#failure(text, 'metrics', `"metrics" is ${kindOf(said)} here.`, FLAT);
      this.#job.log(line);
      return;
    }
    if (this.#metrics !== undefined)
      this.#mistake ??= this.#failure(
        text,
        'metrics',
        `The program wrote its metrics a second time; the first are on line ${this.#metricsLine}.`,
        'the line {"metrics": {...}} once, at the end',
      );
    this.#mistake ??= this.#firstMistake(text);
    this.#metrics = said as Metrics;
    this.#metricsLine = this.#line;
    for (const [number] of text.matchAll(ODD_NUMBER))
      if (/^-?\d/.test(number) && Number.isFinite(Number(number)) && BigInt(number) !== BigInt(Number(number)))
        this.#job.log(`The metrics hold ${number}, which a float64 cannot: it is kept as ${BigInt(Number(number))}.`);
    if (text.includes('\uFFFD')) this.#job.log('The metrics hold bytes that are not UTF-8: each is kept as U+FFFD.');
  }

  /** What JSON.parse lets pass: a name twice, `__proto__`, a number beyond float64. */
  #firstMistake(text: string): StudyFailure | undefined {
    // Of the same length, so that places fit.
    const asJson = text.replace(ODD_NUMBER, (part, odd?: string) => (odd ? '0'.padEnd(part.length) : part));
    const before = Math.min(this.#line - 1, MOST_LINES_BEFORE);
    const [first] = new JsonSource(STREAM, '\n'.repeat(before) + asJson).mistakes;
    if (first === undefined) return undefined;
    const { place, message, expected } = first;
    const at = { ...place.locate(), line: this.#line, text };
    return { kind: 'study', at, message, ...(expected !== undefined && { expected }) };
  }

  /** Of a line that is no message: what it lacks to be the metrics, if it was meant to be them. */
  #whatItLacks(text: string, said: Message | undefined): StudyFailure | undefined {
    const [name] = said === undefined ? [] : Object.keys(said);
    if (name !== undefined)
      return nearestName(name, ['metrics', 'progress']) === 'metrics'
        ? { ...this.#failure(text, name, `"${name}" is no message.`, ONE_LINE), suggestion: 'metrics' }
        : undefined;
    if (/^\uFFFD*.?\0?\{/.test(text) && text.replaceAll('\0', '').includes('metrics') && text.includes('\0'))
      return this.#failure(text, '', 'This is not UTF-8.', ONE_LINE);
    if (this.#isOpen && /^"metrics"\s*:/.test(text))
      return this.#failure(text, 'metrics', 'This message spans several lines.', ONE_LINE);
    if (!/^\{\s*["'“]?metrics\b/.test(text)) return undefined;
    if (text.length >= LONGEST_LINE)
      return this.#failure(text, '', `The line of metrics is longer than ${LONGEST_LINE} characters.`, FLAT);
    return this.#firstMistake(text);
  }

  #failure(text: string, marked: string, message: string, expected: string): StudyFailure {
    const start = Math.max(0, text.indexOf(marked));
    const at: SourceLocation = {
      ...{ file: STREAM, line: this.#line, column: start + 1 },
      ...{ length: Math.max(1, marked.length), text: text.slice(0, LONGEST_LINE) },
    };
    return { kind: 'study', at, message, expected };
  }
}

/** An object of JSON on a line, numbers that are not finite included; undefined if it is none. */
function parse(text: string): Message | undefined {
  try {
    const said: unknown = JSON.parse(text.replace(ODD_NUMBER, (part, odd?: string) => (odd ? '1e999' : part)));
    return isObject(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, never> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
