/** The built-in corpora by the names that a model's configuration gives them. */
import { SwpError } from '../base/failure.ts';
import { listNames } from '../base/nearest-name.ts';
import type { Language } from './corpus.ts';
import type { ModelConfig } from './decoder/family.ts';
import { MarkerRetrieval } from './marker-retrieval.ts';

const CORPORA: Record<NonNullable<ModelConfig['corpus']>, Language> = {
  'marker-retrieval': new MarkerRetrieval({ name: 'marker-retrieval', start: 'bos', unknown: 'uniform' }),
  'marker-retrieval-no-bos': new MarkerRetrieval({
    name: 'marker-retrieval-no-bos',
    start: 'ordinary',
    unknown: 'row',
  }),
};

/** The names that a configuration may have under `corpus`. */
export const CORPUS_NAMES: readonly string[] = Object.keys(CORPORA);

/**
 * The language that a model is made for.
 * @throws SwpError of kind `usage` if its configuration names none
 */
export function corpusOf({ corpus }: Pick<ModelConfig, 'corpus'>): Language {
  if (corpus !== undefined) return CORPORA[corpus];
  throw new SwpError({
    kind: 'usage',
    message: "The model's configuration names no language to draw sequences from.",
    expected: `"corpus" in its config.json: ${listNames(CORPUS_NAMES)}`,
  });
}
