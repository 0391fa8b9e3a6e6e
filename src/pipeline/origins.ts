/**
 * Where the values of an expanded study stand in its file: one template gives many entries, what an experiment inherits
 * stands with its base, and one word stands for the standard DAG.
 */
import type { JsonPath } from '../base/json-source.ts';

export interface Origin {
  /** The place in the file. */
  path: JsonPath;
  /** The expanded entry that the mistake is in, e.g. `B1-protect`, where the file has it under another name. */
  inside?: string;
  /** What that entry belongs to, e.g. `the standard DAG`, where the file has it under no name of its own. */
  of?: string;
}

export class Origins {
  readonly #known = new Map<string, Origin & { inside: string }>();
  /**
   * Says from where among the written entries a value was inherited, if it was. It is asked for places of mistakes, of
   * which there are few: to note down the place of everything that is inherited would take more than the study itself.
   */
  inheritance: ((path: JsonPath) => JsonPath | undefined) | undefined;

  /** Everything at `path` and below it stands at `origin` in the file. A longer path says more. */
  set(path: JsonPath, origin: JsonPath, inside: string, of?: string): void {
    this.#known.set(JSON.stringify(path), { path: origin, inside, ...(of !== undefined && { of }) });
  }

  of(path: JsonPath): Origin {
    const source = this.inheritance?.(path);
    return source === undefined ? this.#written(path) : { path: this.#written(source).path, inside: String(path[1]) };
  }

  #written(path: JsonPath): Origin {
    for (let length = path.length; length > 0; length--) {
      const found = this.#known.get(JSON.stringify(path.slice(0, length)));
      if (found !== undefined) return { ...found, path: [...found.path, ...path.slice(length)] };
    }
    return { path };
  }
}
