/** Where a step's input comes from: the references of pipeline.json, parsed. */
import type { JsonValue } from '../base/json.ts';

/** Which instance of the step is meant: its latest before this point, the one of this round, or the run's first. */
export type Which = 'latest' | 'this' | 'first';

export interface ArtifactReference {
  kind: 'artifact';
  which: Which;
  step: string;
  artifact: string;
}

/** The parameter `stage.param` must have one of the values. */
export interface Condition {
  stage: string;
  param: string;
  values: JsonValue[];
}

export type Reference =
  | ArtifactReference
  /** The latest among several. */
  | { kind: 'any'; of: ArtifactReference[] }
  | { kind: 'when'; conditions: Condition[]; use: Reference; otherwise?: Reference };

/** @param text a string that fits the schema's pattern, e.g. `this train.weights`. */
export function parseArtifactReference(text: string): ArtifactReference {
  const [, which = 'latest', step = '', artifact = ''] = /^(?:(this|first) )?(.+)\.([^.]+)$/.exec(text) ?? [];
  return { kind: 'artifact', which: which as Which, step, artifact };
}

/** @param json a value that fits `reference` of schemas/pipeline.schema.json. */
export function parseReference(json: unknown): Reference {
  if (typeof json === 'string') return parseArtifactReference(json);
  if (Array.isArray(json)) return { kind: 'any', of: json.map((text: string) => parseArtifactReference(text)) };
  const { when, use, otherwise } = json as { when: Record<string, JsonValue>; use: unknown; otherwise?: unknown };
  return {
    kind: 'when',
    conditions: Object.entries(when).map(([name, values]) => ({
      ...splitParamName(name),
      values: Array.isArray(values) ? values : [values],
    })),
    use: parseReference(use),
    otherwise: otherwise === undefined ? undefined : parseReference(otherwise),
  };
}

/** `train.steps` -> stage and parameter; a name without a dot has an empty parameter, which no stage declares. */
export function splitParamName(name: string): { stage: string; param: string } {
  const dot = name.lastIndexOf('.');
  return dot === -1 ? { stage: name, param: '' } : { stage: name.slice(0, dot), param: name.slice(dot + 1) };
}
