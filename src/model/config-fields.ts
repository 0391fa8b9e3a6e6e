/**
 * The fields of a configuration that another program wrote. Whoever takes one says what it can be and what it is by
 * default; what nobody has taken is a mistake, so that nothing which changes the computation is passed over.
 */
import type { JsonObject, JsonValue } from '../base/json.ts';
import { isJsonObject } from '../base/json.ts';
import type { Mistake } from '../base/json-mistakes.ts';
import type { JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';

/** Of a number, both ends included. */
export type Range = readonly [least: number, most: number];

export class ConfigFields {
  readonly #values: JsonObject;
  readonly #path: JsonPath;
  readonly #taken = new Set<string>();

  /**
   * @param mistakes where all that is wrong is collected
   * @param path of the object in its file
   */
  constructor(
    values: JsonObject,
    readonly mistakes: Mistake[],
    path: JsonPath = [],
  ) {
    this.#values = values;
    this.#path = path;
  }

  /** A field that stands there and is not null, which means the default. */
  has(name: string): boolean {
    return this.#take(name) !== undefined;
  }

  integer<Default>(name: string, byDefault: Default, range: Range): number | Default {
    return this.#number(name, byDefault, range, `a whole number from ${range[0]} to ${range[1]}`, Number.isInteger);
  }

  number<Default>(name: string, byDefault: Default, range: Range): number | Default {
    return this.#number(name, byDefault, range, `a number from ${range[0]} to ${range[1]}`, Number.isFinite);
  }

  flag<Default>(name: string, byDefault: Default): boolean | Default {
    const value = this.#take(name);
    if (value === undefined) return byDefault;
    if (typeof value === 'boolean') return value;
    this.refuse(name, `${shown(value)} is not possible here.`, 'true or false');
    return byDefault;
  }

  /** @param meanings what each text that is possible stands for */
  choice<Meaning>(name: string, byDefault: string, meanings: Readonly<Record<string, Meaning>>): Meaning {
    const value = this.#take(name) ?? byDefault;
    if (typeof value === 'string' && Object.hasOwn(meanings, value)) return meanings[value]!;
    this.refuse(
      name,
      `swp computes no ${quoted(name)} ${shown(value)}.`,
      listNames(Object.keys(meanings)),
      typeof value === 'string' ? nearestName(value, Object.keys(meanings)) : undefined,
    );
    return meanings[byDefault]!;
  }

  /** Names in a list; undefined where there is no list of texts. */
  texts(name: string): string[] | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
    this.refuse(name, `${shown(value)} is not possible here.`, 'a list of texts');
    return undefined;
  }

  /** An object, with fields of its own. */
  object(name: string): ConfigFields | undefined {
    const value = this.#take(name);
    if (value === undefined) return undefined;
    if (isJsonObject(value)) return new ConfigFields(value, this.mistakes, [...this.#path, name]);
    this.refuse(name, `${shown(value)} is not possible here.`, 'an object {...}');
    return undefined;
  }

  /** A field that changes nothing of what swp computes, whatever it holds. */
  ignore(names: Iterable<string>): void {
    for (const name of names) this.#taken.add(name);
  }

  /** A field that swp knows and computes only if it has one of these values (null is always one). */
  only(name: string, allowed: readonly JsonValue[], what: string): void {
    const value = this.#take(name);
    if (value === undefined || allowed.some((each) => JSON.stringify(each) === JSON.stringify(value))) return;
    const possible = [...allowed.map((each) => JSON.stringify(each)), 'null'].join(' or ');
    this.refuse(name, `swp does not compute ${what}.`, `${quoted(name)}: ${possible}, or the field left out`);
  }

  refuse(name: string, message: string, expected?: string, suggestion?: string): void {
    this.mistakes.push({ path: [...this.#path, name], message, expected, suggestion });
  }

  /** Says of every field that nobody has taken that it is not known; one that is null or false asks for nothing. */
  refuseOthers(owner: string): void {
    for (const [name, value] of Object.entries(this.#values)) {
      if (this.#taken.has(name) || value === null || value === false) continue;
      this.mistakes.push({
        path: [...this.#path, name],
        mark: 'key',
        message: `swp does not know the field ${quoted(name)} of ${owner}, and whether it changes what the model computes.`,
        expected: 'fields that swp knows; if this one changes nothing, remove it',
        suggestion: nearestName(name, this.#taken),
      });
    }
  }

  #take(name: string): JsonValue | undefined {
    this.#taken.add(name);
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }

  #number<Default>(
    name: string,
    byDefault: Default,
    [least, most]: Range,
    expected: string,
    fits: (value: number) => boolean,
  ): number | Default {
    const value = this.#take(name);
    if (value === undefined) return byDefault;
    if (typeof value === 'number' && fits(value) && value >= least && value <= most) return value;
    this.refuse(name, `${shown(value)} is not possible here.`, expected);
    return byDefault;
  }
}

function shown(value: JsonValue): string {
  if (Array.isArray(value)) return 'A list';
  return isJsonObject(value) ? 'An object' : typeof value === 'string' ? quoted(value) : JSON.stringify(value);
}
