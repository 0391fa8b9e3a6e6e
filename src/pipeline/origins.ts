/**
 * Where the values of an expanded study stand in its file: one template gives many entries, and what an
 * experiment inherits stands with its base.
 */
import type { JsonPath } from './json-source.ts';

export interface Origin {
  /** The place in the file. */
  path: JsonPath;
  /** The expanded entry that the mistake is in, e.g. `B1-protect`, where the file has it under another name. */
  inside?: string;
}

export class Origins {
  readonly #known = new Map<string, Required<Origin>>();

  /** Everything at `path` and below it stands at `origin` in the file. A longer path says more. */
  set(path: JsonPath, origin: JsonPath, inside: string): void {
    this.#known.set(JSON.stringify(path), { path: origin, inside });
  }

  of(path: JsonPath): Origin {
    for (let length = path.length; length > 0; length--) {
      const found = this.#known.get(JSON.stringify(path.slice(0, length)));
      if (found !== undefined) return { path: [...found.path, ...path.slice(length)], inside: found.inside };
    }
    return { path };
  }
}
