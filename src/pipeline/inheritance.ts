/**
 * `"extends": "B1"`: an experiment has everything that its base has, and what it says itself wins. Parameters are
 * merged one by one; a parameter is given either once for all rounds or by round, so what an experiment says of it
 * replaces what its base says in the other way.
 */
import { quoted } from '../base/nearest-name.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from '../base/json-source.ts';

/** What holds parameters by stage or step. */
const MERGED = ['params', 'perRound', 'perStep'];
/** The same parameter in both would be given twice. */
const ALTERNATIVES: Record<string, string> = { params: 'perRound', perRound: 'params' };
/** More values than these, written out, are taken for a mistake: in a chain every heir adds to what it inherits. */
const MAXIMUM_VALUES = 2_000_000;
/** Of a longer cycle, only its ends are named. */
const NAMED_OF_CYCLE = 8;

/** Fills in what experiments inherit. An unknown base and a cycle are reported at the `extends` in question. */
export function inheritExperiments(content: JsonObject, diagnostics: Diagnostics): JsonObject {
  if (!isJsonObject(content.experiments)) return content;
  const inheritance = new Inheritance(content.experiments, diagnostics);
  const experiments = inheritance.resolveAll();
  diagnostics.origins.inheritance = (path) => inheritance.sourceOf(path);
  return Object.assign(Object.create(null), content, { experiments }) as JsonObject;
}

class Inheritance {
  readonly #diagnostics: Diagnostics;
  readonly #entries: JsonObject;
  readonly #resolved = new Map<string, JsonValue>();
  /** Of the experiments that have inherited something. */
  readonly #bases = new Map<string, string>();
  /** Who has the value at a place for itself, by those who inherit it: one mistake may be found in all of a chain. */
  readonly #owners = new Map<string, Map<string, string>>();
  #values = 0;

  constructor(entries: JsonObject, diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
    this.#entries = entries;
  }

  resolveAll(): JsonObject {
    const all = Object.create(null) as JsonObject; // no prototype: a name such as "constructor" is nothing but a name
    for (const id of Object.keys(this.#entries)) all[id] = this.#resolve(id);
    return all;
  }

  /**
   * Where a value that was inherited stands among the entries as they are written; undefined for what is an
   * experiment's own.
   */
  sourceOf(path: JsonPath): JsonPath | undefined {
    const [list, id, ...place] = path;
    if (list !== 'experiments' || typeof id !== 'string') return undefined;
    const owners = this.#ownersOf(place);
    const heirs: string[] = [];
    let owner = id;
    for (let base = this.#bases.get(owner); base !== undefined; base = this.#bases.get(owner)) {
      if (owners.has(owner) || !this.#hasInherited(owner, base, place)) break;
      heirs.push(owner);
      owner = base;
    }
    owner = owners.get(owner) ?? owner;
    for (const heir of heirs) owners.set(heir, owner);
    return owner === id ? undefined : [list, owner, ...place];
  }

  #ownersOf(place: JsonPath): Map<string, string> {
    const name = JSON.stringify(place);
    const known = this.#owners.get(name) ?? new Map<string, string>();
    this.#owners.set(name, known);
    return known;
  }

  /** First all the way up to what is known, then down again: chains may be longer than a stack is deep. */
  #resolve(id: string): JsonValue {
    const heirs = new Set<string>();
    let top = id;
    for (;;) {
      if (this.#resolved.has(top)) break;
      const base = this.#baseOf(top);
      if (base !== undefined && !this.#closesCycle(top, base, heirs)) {
        heirs.add(top);
        top = base;
      } else {
        this.#resolved.set(top, this.#entries[top] as JsonValue);
        break;
      }
    }
    for (const heir of [...heirs].reverse()) {
      const entry = this.#entries[heir] as JsonObject;
      const inherited = this.#resolved.get(entry.extends as string)!;
      this.#resolved.set(heir, isJsonObject(inherited) ? this.#merge(heir, inherited, entry) : entry);
    }
    return this.#resolved.get(id)!;
  }

  /** The base that an experiment names, if there is such an experiment. */
  #baseOf(id: string): string | undefined {
    const entry = this.#entries[id] as JsonValue;
    const base = isJsonObject(entry) ? entry.extends : undefined;
    if (typeof base !== 'string') return undefined;
    if (this.#entries[base] !== undefined) return base;
    this.#diagnostics.addUnknown(
      'The experiment',
      base,
      () => Object.keys(this.#entries).filter((each) => each !== id),
      ['experiments', id, 'extends'],
    );
    return undefined;
  }

  /** @param heirs those that ask, the first one first. */
  #closesCycle(id: string, base: string, heirs: ReadonlySet<string>): boolean {
    if (base !== id && !heirs.has(base)) return false;
    const chain = [...heirs, id];
    const cycle = [...chain.slice(chain.indexOf(base)), base].map(quoted);
    const left = cycle.length - NAMED_OF_CYCLE;
    if (left > 0) cycle.splice(NAMED_OF_CYCLE / 2, left, `... (${left} more) ...`);
    this.#diagnostics.add({
      path: ['experiments', id, 'extends'],
      message: `An experiment cannot inherit from itself: ${cycle.join(' extends ')}.`,
      expected: 'a base that does not lead back here',
    });
    return true;
  }

  #merge(id: string, inherited: JsonObject, own: JsonObject): JsonObject {
    if (this.#values > MAXIMUM_VALUES) return own; // which is reported
    this.#bases.set(id, own.extends as string);
    const result = Object.assign(Object.create(null), own) as JsonObject;
    for (const [key, value] of Object.entries(inherited)) {
      const ownValue = own[key];
      const groups = groupsOf(key, value, ownValue);
      if (groups !== undefined) {
        result[key] = this.#mergeGroups(groups, (ownValue ?? {}) as JsonObject, own[ALTERNATIVES[key] ?? '']);
      } else if (ownValue === undefined && key !== 'extends') {
        result[key] = value;
        this.#values++;
      }
    }
    if (this.#values > MAXIMUM_VALUES)
      this.#diagnostics.add({
        path: ['experiments', id, 'extends'],
        message: `With this the experiments inherit more than ${MAXIMUM_VALUES} values.`,
        expected: 'a shorter chain of "extends", or fewer parameters in it',
      });
    return result;
  }

  /** @param otherwise what the heir says of parameters in the other way; it replaces what the base says in this one. */
  #mergeGroups(inherited: JsonObject, own: JsonObject, otherwise: JsonValue | undefined): JsonObject {
    const result = Object.assign(Object.create(null), own) as JsonObject;
    for (const [group, values] of Object.entries(inherited)) {
      this.#values++;
      const ownValues = own[group];
      if (!isJsonObject(values) || (ownValues !== undefined && !isJsonObject(ownValues))) {
        result[group] ??= values;
        continue;
      }
      const replaced = isJsonObject(otherwise) && isJsonObject(otherwise[group]) ? otherwise[group] : undefined;
      if (ownValues === undefined && replaced === undefined) {
        result[group] = values;
        continue;
      }
      const filled = Object.assign(Object.create(null), ownValues) as JsonObject;
      for (const [param, value] of Object.entries(values)) {
        if (Object.hasOwn(filled, param) || (replaced !== undefined && Object.hasOwn(replaced, param))) continue;
        filled[param] = value;
        this.#values++;
      }
      const replacedAll = Object.keys(filled).length === 0 && Object.keys(values).length > 0;
      if (!replacedAll) result[group] = filled;
    }
    return result;
  }

  /** Whether the value at `place` in an experiment is what its base has there. */
  #hasInherited(id: string, base: string, [key, group, param]: JsonPath): boolean {
    const own = this.#entries[id] as JsonObject;
    const inherited = (this.#resolved.get(base) as JsonObject)[String(key)];
    if (inherited === undefined || key === 'extends') return false;
    const groups = groupsOf(String(key), inherited, own[String(key)]);
    if (groups === undefined) return own[String(key)] === undefined;
    const values = groups[String(group)];
    const ownValues = (own[String(key)] as JsonObject | undefined)?.[String(group)];
    // What is no group of parameters is inherited as a whole, and is reported there.
    if (values !== undefined && !isJsonObject(values)) return ownValues === undefined;
    if (param === undefined || values === undefined || !Object.hasOwn(values, param)) return false;
    return ownValues === undefined || (isJsonObject(ownValues) && !Object.hasOwn(ownValues, param));
  }
}

/** What is merged group by group and parameter by parameter: undefined for what is inherited as a whole. */
function groupsOf(key: string, inherited: JsonValue, own: JsonValue | undefined): JsonObject | undefined {
  return MERGED.includes(key) && isJsonObject(inherited) && (own === undefined || isJsonObject(own))
    ? inherited
    : undefined;
}
