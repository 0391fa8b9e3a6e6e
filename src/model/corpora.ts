/** The built-in corpora by the names that a model's configuration gives them. */
import { SwpError } from '../base/failure.ts';
import { listNames } from '../base/nearest-name.ts';
import type { Corpus, Language } from './corpus.ts';
import type { ModelConfig } from './decoder/family.ts';
import { MarkerRetrieval } from './marker-retrieval.ts';
import { TextCorpus } from './text-corpus.ts';

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

/**
 * What a node draws its sequences from: the text that is connected to it, or the language that the model is made for.
 * @param tokens path of the token ids of a text
 * @throws SwpError of kind `usage` if there is neither, or the text has tokens that the model has not
 */
export async function useCorpus<Result>(
  config: ModelConfig,
  tokens: string | undefined,
  use: (corpus: Corpus) => Result | Promise<Result>,
): Promise<Result> {
  if (tokens === undefined) return use(corpusOf(config));
  const text = new TextCorpus(tokens);
  try {
    if (text.vocabulary > config.vocabulary || config.corpus !== undefined)
      throw new SwpError({
        kind: 'usage',
        message: `The text has ${text.vocabulary} kinds of token, and the model reads ${config.corpus ?? `${config.vocabulary} of them`}.`,
        expected: "tokens of the model's own tokenizer, and a model that is made for no built-in language",
      });
    return await use(text);
  } finally {
    text.close();
  }
}
