/**
 * Templates: an entry with a "matrix" stands for one entry per combination of the variables' values.
 *
 *   "{base}-random": { "matrix": { "base": ["B1", "B2"] }, "extends": "{base}", "params": ... }
 *
 * `{name}` in a string is replaced by the value; a parameter that is nothing but `{name}` becomes the value itself,
 * with its type. Names inside an entry (of stages, parameters, steps) are no templates; an experiment's own name is
 * one.
 */
import { quoted } from '../base/nearest-name.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from '../base/json-source.ts';

type Scalar = string | number | boolean;
/** One combination of the variables' values. */
type Assignment = Map<string, Scalar>;

/** More entries than these are taken for a mistake. */
const MAXIMUM_ENTRIES = 10_000;
/** Properties that are text: a description that is nothing but `{steps}` must not become a number. */
const TEXTS = new Set([
  'description',
  'role',
  'extends',
  'model',
  'corpus',
  'name',
  'question',
  'topic',
  'arms',
  'varies',
  'family',
  'metrics',
  'accept',
]);
const VARIABLE_PATTERN = /\{([A-Za-z][A-Za-z0-9_]*)\}/g;

/** Writes out the templates among experiments and comparisons. Mistakes are reported where the template stands. */
export function expandTemplates(content: JsonObject, diagnostics: Diagnostics): JsonObject {
  const expanded = Object.assign(Object.create(null), content) as JsonObject;
  if (isJsonObject(content.experiments)) expanded.experiments = expandExperiments(content.experiments, diagnostics);
  if (Array.isArray(content.comparisons)) expanded.comparisons = expandComparisons(content.comparisons, diagnostics);
  return expanded;
}

function expandExperiments(entries: JsonObject, diagnostics: Diagnostics): JsonObject {
  const expanded = Object.create(null) as JsonObject;
  const count = Object.keys(entries).length;
  if (count > MAXIMUM_ENTRIES) {
    diagnostics.add({
      path: ['experiments'],
      mark: 'key',
      message: `There are ${count} experiments.`,
      expected: `at most ${MAXIMUM_ENTRIES}`,
    });
    return expanded;
  }
  const firsts = new Map<string, JsonPath>();
  for (const [template, entry] of Object.entries(entries)) {
    const path = ['experiments', template];
    for (const { name, entry: own } of new Template(path, template, entry, diagnostics).expand(firsts.size)) {
      const first = firsts.get(name);
      if (first !== undefined) {
        const { line, column } = diagnostics.source.at(first, 'key').locate();
        diagnostics.add({
          path,
          mark: 'key',
          message: `${quoted(name)} comes out of this a second time.`,
          expected: `a name of its own for each: every variable in it; the first is at ${line}:${column}`,
        });
        break;
      }
      firsts.set(name, path);
      expanded[name] = own;
      if (own !== entry) diagnostics.origins.set(['experiments', name], path, name);
    }
  }
  return expanded;
}

function expandComparisons(entries: JsonValue[], diagnostics: Diagnostics): JsonValue[] {
  const expanded: JsonValue[] = [];
  for (const [index, entry] of entries.entries()) {
    const path = ['comparisons', index];
    for (const { entry: own } of new Template(path, undefined, entry, diagnostics).expand(expanded.length)) {
      const name = isJsonObject(own) && typeof own.name === 'string' ? own.name : '';
      if (own !== entry || expanded.length !== index)
        diagnostics.origins.set(['comparisons', expanded.length], path, own === entry ? '' : name);
      expanded.push(own);
    }
  }
  return expanded;
}

/** One entry of the file, whether a template or not. */
class Template {
  readonly #diagnostics: Diagnostics;
  readonly #entry: JsonValue;
  readonly #name: string | undefined;
  readonly #path: JsonPath;
  readonly #used = new Set<string>();

  constructor(path: JsonPath, name: string | undefined, entry: JsonValue, diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
    this.#entry = entry;
    this.#name = name;
    this.#path = path;
  }

  /** @param before how many entries there are already. */
  expand(before: number): { name: string; entry: JsonValue }[] {
    const entry = this.#entry;
    const name = this.#name ?? '';
    if (!isJsonObject(entry) || entry.matrix === undefined) {
      if (name.includes('{')) this.#replace(name, new Map(), this.#path, 'key', String);
      return [{ name, entry }];
    }
    const { matrix, ...body } = entry;
    const variables = this.#variables(matrix);
    if (variables === undefined) return [];
    const count = [...variables.values()].reduce((product, values) => product * values.length, 1);
    if (before + count > MAXIMUM_ENTRIES) {
      const path = this.#path;
      this.#diagnostics.add({
        path: [...path, 'matrix'],
        mark: 'key',
        message: `With this the file says more than ${MAXIMUM_ENTRIES} entries: these variables have ${count} combinations.`,
        expected: 'fewer values',
      });
      return [];
    }
    const expanded = assignments(variables, count).map((values) => ({
      name: String(this.#replace(name, values, this.#path, 'key', String)),
      entry: this.#fillEntry(body, values),
    }));
    for (const variable of variables.keys())
      if (!this.#used.has(variable))
        this.#diagnostics.add({
          path: [...this.#path, 'matrix', variable],
          mark: 'key',
          message: `The variable ${quoted(variable)} is used nowhere.`,
          expected: `"{${variable}}" in ${this.#name === undefined ? '' : 'the name or '}a value of this entry`,
        });
    return expanded;
  }

  /** Undefined for a matrix that is none. */
  #variables(matrix: JsonValue): Map<string, Scalar[]> | undefined {
    const diagnostics = this.#diagnostics;
    const path = [...this.#path, 'matrix'];
    if (!isJsonObject(matrix) || Object.keys(matrix).length === 0) {
      diagnostics.add({
        path,
        message: 'This is no matrix.',
        expected: 'an object {...} with a list of values for each variable',
      });
      return undefined;
    }
    const variables = new Map<string, Scalar[]>();
    for (const [variable, values] of Object.entries(matrix)) {
      if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(variable))
        diagnostics.add({
          path: [...path, variable],
          mark: 'key',
          message: `${quoted(variable)} cannot be a variable.`,
          expected: "letters, digits and '_', beginning with a letter",
        });
      else if (!Array.isArray(values) || values.length === 0)
        diagnostics.add({
          path: [...path, variable],
          message: 'These are no values for a variable.',
          expected: 'a list [...] of strings, numbers or booleans',
        });
      else {
        for (const [index, value] of values.entries())
          if (!isScalar(value))
            diagnostics.add({
              path: [...path, variable, index],
              message: 'This is no value for a variable.',
              expected: 'a string, a number, true or false',
            });
        variables.set(variable, values.filter(isScalar));
      }
    }
    return variables.size === Object.keys(matrix).length ? variables : undefined;
  }

  #fillEntry(body: JsonObject, values: Assignment): JsonObject {
    const filled = Object.create(null) as JsonObject;
    for (const [key, value] of Object.entries(body))
      filled[key] = this.#fill(value, values, [...this.#path, key], TEXTS.has(key) ? String : (whole) => whole);
    return filled;
  }

  #fill(value: JsonValue, values: Assignment, path: JsonPath, whole: (value: Scalar) => Scalar): JsonValue {
    if (typeof value === 'string') return this.#replace(value, values, path, 'value', whole);
    if (Array.isArray(value)) return value.map((item, index) => this.#fill(item, values, [...path, index], whole));
    if (!isJsonObject(value)) return value;
    const filled = Object.create(null) as JsonObject;
    for (const [key, item] of Object.entries(value)) filled[key] = this.#fill(item, values, [...path, key], whole);
    return filled;
  }

  /** @param whole converts the value where the text is nothing but its variable */
  #replace(
    text: string,
    values: Assignment,
    path: JsonPath,
    mark: 'key' | 'value',
    whole: (value: Scalar) => Scalar,
  ): Scalar {
    for (const [, variable = ''] of text.matchAll(VARIABLE_PATTERN)) {
      this.#used.add(variable);
      if (values.has(variable)) continue;
      if (values.size > 0) this.#diagnostics.addUnknown('The variable', variable, () => values.keys(), path, mark);
      else
        this.#diagnostics.add({
          path,
          mark,
          message: `The variable ${quoted(variable)} does not exist.`,
          expected: `"matrix": { ${quoted(variable)}: [...] } in this entry`,
        });
    }
    const [match] = text.matchAll(VARIABLE_PATTERN);
    const value = match?.[0] === text ? values.get(match[1] ?? '') : undefined;
    return value !== undefined
      ? whole(value)
      : text.replace(VARIABLE_PATTERN, (written, variable: string) => String(values.get(variable) ?? written));
  }
}

/** The cartesian product, of `count` combinations; the last variable changes fastest. */
function assignments(variables: Map<string, Scalar[]>, count: number): Assignment[] {
  return Array.from({ length: count }, (_, index) => {
    let alike = count;
    return new Map(
      [...variables].map(([variable, values]) => {
        alike /= values.length;
        return [variable, values[Math.floor(index / alike) % values.length]!];
      }),
    );
  });
}

function isScalar(value: JsonValue): value is Scalar {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
