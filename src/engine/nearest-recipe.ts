/**
 * Finds among many recipes the one that differs from another in the fewest values. What a recipe says is turned into
 * numbers first, since thousands of nodes may be compared with thousands of records.
 */
import { canonicalJson, isJsonObject, type JsonObject } from '../base/json.ts';

/** What differs in an input arose upstream, so that it counts less than a value of the recipe itself. */
const INPUT_WEIGHT = 0.5;

/** Of a value that no recipe has, and of one that is not there. */
const [UNKNOWN, ABSENT] = [-1, 0];

export class RecipeIndex<Item extends { preimage: JsonObject }> {
  readonly #items: readonly Item[];
  /** By place in a recipe, such as `params.seed`: its column in the rows. */
  readonly #columns = new Map<string, number>();
  readonly #weights: number[] = [];
  /** By canonical text: the value's number, from 1. */
  readonly #values = new Map<string, number>();
  readonly #rows: number[][];

  constructor(items: readonly Item[]) {
    this.#items = items;
    this.#rows = items.map(({ preimage }) => this.#add(preimage));
  }

  /** All that differ in as little as any. */
  nearest(preimage: JsonObject): Item[] {
    const wanted: number[] = this.#weights.map(() => ABSENT);
    for (const [place, text] of valuesOf(preimage)) {
      const column = this.#columns.get(place); // a place that no recipe has differs in all of them
      if (column !== undefined) wanted[column] = this.#values.get(text) ?? UNKNOWN;
    }
    let nearest: Item[] = [];
    let least = Infinity;
    for (const [index, row] of this.#rows.entries()) {
      let distance = 0;
      for (let column = 0; column < wanted.length && distance <= least; column++)
        if ((row[column] ?? ABSENT) !== wanted[column]) distance += this.#weights[column]!;
      if (distance < least) [nearest, least] = [[], distance];
      if (distance === least) nearest.push(this.#items[index]!);
    }
    return nearest;
  }

  #add(preimage: JsonObject): number[] {
    const row: number[] = this.#weights.map(() => ABSENT);
    for (const [place, text] of valuesOf(preimage)) {
      const column = this.#columns.get(place) ?? this.#columns.size;
      if (column === this.#weights.length) {
        this.#columns.set(place, column);
        this.#weights.push(/^(inputs|gathers)\./.test(place) ? INPUT_WEIGHT : 1);
      }
      const value = this.#values.get(text) ?? this.#values.size + 1;
      this.#values.set(text, value);
      row[column] = value;
    }
    return row;
  }
}

/** What a recipe says, each parameter and each input by itself, as text. */
function valuesOf(preimage: JsonObject): [place: string, text: string][] {
  return Object.entries(preimage).flatMap(([part, content]): [string, string][] =>
    isJsonObject(content)
      ? Object.entries(content).map(([name, value]) => [`${part}.${name}`, canonicalJson(value)])
      : [[part, canonicalJson(content)]],
  );
}
