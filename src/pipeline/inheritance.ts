/**
 * `"extends": "B1"`: an experiment has everything that its base has, and what it says itself wins. Parameters are
 * merged one by one; a parameter is given either once for all rounds or by round, so what an experiment says of it
 * replaces what its base says in the other way.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from './json-source.ts';

/** What holds parameters by stage or step. */
const MERGED = ['params', 'perRound', 'perStep'];
/** The same parameter in both would be given twice. */
const ALTERNATIVES: Record<string, string> = { params: 'perRound', perRound: 'params' };

/** Fills in what experiments inherit. An unknown base and a cycle are reported at the `extends` in question. */
export function inheritExperiments(content: JsonObject, diagnostics: Diagnostics): JsonObject {
  if (!isJsonObject(content.experiments)) return content;
  const experiments = new Inheritance(content.experiments, diagnostics).resolveAll();
  return Object.assign(Object.create(null), content, { experiments }) as JsonObject;
}

class Inheritance {
  readonly #diagnostics: Diagnostics;
  readonly #entries: JsonObject;
  readonly #resolved = new Map<string, JsonValue>();

  constructor(entries: JsonObject, diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
    this.#entries = entries;
  }

  resolveAll(): JsonObject {
    const all = Object.create(null) as JsonObject; // no prototype: a name such as "constructor" is nothing but a name
    for (const id of Object.keys(this.#entries)) all[id] = this.#resolve(id, []);
    return all;
  }

  /** @param heirs those that ask, the first one first. */
  #resolve(id: string, heirs: string[]): JsonValue {
    const known = this.#resolved.get(id);
    if (known !== undefined) return known;
    const entry = this.#entries[id] as JsonValue;
    const base = isJsonObject(entry) ? entry.extends : undefined;
    if (!isJsonObject(entry) || typeof base !== 'string') return this.#keep(id, entry);
    const path = ['experiments', id, 'extends'];
    if (this.#entries[base] === undefined) {
      this.#diagnostics.addUnknown(
        'The experiment',
        base,
        Object.keys(this.#entries).filter((each) => each !== id),
        path,
      );
      return this.#keep(id, entry);
    }
    const chain = [...heirs, id];
    if (chain.includes(base)) {
      const cycle = [...chain.slice(chain.indexOf(base)), base].map((each) => `"${each}"`);
      this.#diagnostics.add({
        path,
        message: `An experiment cannot inherit from itself: ${cycle.join(' extends ')}.`,
        expected: 'a base that does not lead back here',
      });
      return this.#keep(id, entry);
    }
    const inherited = this.#resolve(base, chain);
    return this.#keep(id, isJsonObject(inherited) ? this.#merge(id, base, inherited, entry) : entry);
  }

  #keep(id: string, entry: JsonValue): JsonValue {
    this.#resolved.set(id, entry);
    return entry;
  }

  #merge(id: string, base: string, inherited: JsonObject, own: JsonObject): JsonObject {
    const result = Object.assign(Object.create(null), own) as JsonObject;
    for (const [key, value] of Object.entries(inherited)) {
      const ownValue = own[key];
      const groups = MERGED.includes(key) && isJsonObject(value) ? value : undefined;
      if (groups !== undefined && (ownValue === undefined || isJsonObject(ownValue))) {
        result[key] = this.#mergeGroups(id, base, key, groups, ownValue ?? {}, own[ALTERNATIVES[key] ?? '']);
      } else if (ownValue === undefined && key !== 'extends') {
        result[key] = value;
        this.#inherit([key], id, base);
      }
    }
    return result;
  }

  /** @param otherwise what the heir says of parameters in the other way; it replaces what the base says in this one. */
  #mergeGroups(
    id: string,
    base: string,
    key: string,
    inherited: JsonObject,
    own: JsonObject,
    otherwise: JsonValue | undefined,
  ): JsonObject {
    const result = Object.assign(Object.create(null), own) as JsonObject;
    for (const [group, values] of Object.entries(inherited)) {
      const ownValues = own[group];
      if (!isJsonObject(values) || (ownValues !== undefined && !isJsonObject(ownValues))) {
        result[group] ??= values;
        continue;
      }
      const replaced = isJsonObject(otherwise) && isJsonObject(otherwise[group]) ? otherwise[group] : {};
      const filled = Object.assign(Object.create(null), ownValues) as JsonObject;
      for (const [param, value] of Object.entries(values)) {
        if (Object.hasOwn(filled, param) || Object.hasOwn(replaced, param)) continue;
        filled[param] = value;
        this.#inherit([key, group, param], id, base);
      }
      const replacedAll = Object.keys(filled).length === 0 && Object.keys(values).length > 0;
      if (!replacedAll) result[group] = filled;
    }
    return result;
  }

  #inherit(place: JsonPath, id: string, base: string): void {
    this.#diagnostics.origins.set(
      ['experiments', id, ...place],
      this.#diagnostics.origins.of(['experiments', base, ...place]).path,
      id,
    );
  }
}
