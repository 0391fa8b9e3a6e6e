/** Collects the mistakes of a study and shows them together, in the order in which they stand in the file. */
import type { ErrorObject } from 'ajv';
import type { JsonValue } from '../base/json.ts';
import { schemaMistakes, throwMistakes, type FoundMistake, type Mistake } from '../base/json-mistakes.ts';
import type { JsonPath, JsonSource, Mark } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { Origins } from './origins.ts';

/** More are not collected: a file that is wrong so often is no study. */
const MAXIMUM_MISTAKES = 10_000;

export class Diagnostics {
  readonly #found: FoundMistake[] = [];
  /** Of what was written out from templates or inherited: where it stands in the file. */
  readonly origins = new Origins();

  constructor(readonly source: JsonSource) {
    for (const mistake of source.mistakes) this.#found.push(mistake);
  }

  get empty(): boolean {
    return this.#found.length === 0;
  }

  add({ path, mark, message, expected, suggestion }: Mistake): void {
    if (this.#found.length >= MAXIMUM_MISTAKES) return;
    const origin = this.origins.of(path);
    const inside = origin.inside ? quoted(origin.inside) : '';
    const named = inside === '' || message.includes(inside) ? '' : `in ${inside}`;
    const where = `${named}${origin.of === undefined ? '' : ` of ${origin.of}`}`.trim();
    const place = where === '' ? '' : ` (${where})`;
    this.#found.push({
      place: this.source.at(origin.path, mark),
      message: message.replace(/\.$/, () => `${place}.`),
      expected,
      suggestion,
    });
  }

  /**
   * A name at `path` that is none of the known ones.
   * @param known says these, if the mistake is shown
   */
  addUnknown(what: string, name: string, known: () => Iterable<string>, path: JsonPath, mark: Mark = 'value'): void {
    this.add({
      path,
      mark,
      message: `${what} ${quoted(name)} does not exist.`,
      expected: () => listNames(new Set(known())) || undefined,
      suggestion: () => nearestName(name, known()),
    });
  }

  /**
   * Errors of ajv (options `allErrors` and `verbose`), placed in the file.
   * @param checked the value that was checked
   * @param base its path
   */
  addSchemaErrors(errors: readonly ErrorObject[], checked: JsonValue, base: JsonPath = []): void {
    for (const mistake of schemaMistakes(errors, checked)) this.add({ ...mistake, path: [...base, ...mistake.path] });
  }

  /** @throws SwpError with all mistakes, if there are any. */
  throwIfAny(): void {
    throwMistakes(this.#found);
  }
}
