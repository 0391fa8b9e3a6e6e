/**
 * From parameters as they stand in keys back to those that a study declares: of what a parameter names, keys hold what
 * it is (`StageDefinition.inKey`), and only a study that names it, too, can say where it lies.
 */
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts';
import type { PlannedNode } from './node.ts';

export class KeyedParams {
  /** By stage, parameter and value in keys: the value that a study has. */
  readonly #declared = new Map<string, JsonValue>();

  /** @param nodes planned ones of a study */
  constructor(nodes: Iterable<PlannedNode>) {
    for (const { stage, params, preimage } of nodes)
      for (const [name, keyed] of Object.entries(preimage.params as JsonObject)) {
        const declared = params[name];
        if (declared !== undefined && declared !== keyed)
          this.#declared.set(identity(stage.name, name, keyed), declared);
      }
  }

  /** @param params of a record's pre-image; those that the study cannot tell stay as they are */
  declared(stage: string, params: JsonObject): JsonObject {
    if (this.#declared.size === 0) return params;
    return Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, this.#declared.get(identity(stage, name, value)) ?? value]),
    );
  }
}

function identity(stage: string, name: string, value: JsonValue): string {
  return canonicalJson([stage, name, value]);
}
