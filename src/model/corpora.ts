/** The corpora by the names that a model's configuration gives them. */
import type { Corpus } from './corpus.ts';
import type { ModelConfig } from './decoder/family.ts';
import { MarkerRetrieval } from './marker-retrieval.ts';

const CORPORA: Record<ModelConfig['corpus'], Corpus> = {
  'marker-retrieval': new MarkerRetrieval({ name: 'marker-retrieval', start: 'bos', unknown: 'uniform' }),
  'marker-retrieval-no-bos': new MarkerRetrieval({
    name: 'marker-retrieval-no-bos',
    start: 'ordinary',
    unknown: 'row',
  }),
};

/** The names that a configuration may have under `corpus`. */
export const CORPUS_NAMES: readonly string[] = Object.keys(CORPORA);

/** The corpus that a model is made for. */
export function corpusOf(config: Pick<ModelConfig, 'corpus'>): Corpus {
  return CORPORA[config.corpus];
}
