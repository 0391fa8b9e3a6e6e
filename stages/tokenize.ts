/**
 * tokenize: a text and the model's tokenizer become token ids, once for all runs. They are divided into parts that
 * share no token, so that what trains, what finds, what judges and what reports are apart by construction.
 */
import schema from '../schemas/stages/tokenize.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { TokenizeParams } from '../src/generated/tokenize.ts';
import { onModel } from '../src/model/model-stage.ts';
import { specialTokenIds, tokenizerFiles } from '../src/model/model-tokenizer.ts';
import { textFiles, textFolder } from '../src/model/text-files.ts';
import { tokenizingProblems } from '../src/science/param-problems.ts';
import { fittingTokenizing, tokenizingDisk, tokenizingMemory, tokenizingWork } from '../src/science/tokenizing-work.ts';

export default defineStage(
  onModel<Required<TokenizeParams>>({
    name: 'tokenize',
    summary: "Turns a text into token ids by the model's tokenizer, in parts that share no token.",
    params: schema,
    inputs: {},
    outputs: {
      tokens: { summary: 'The token ids of each part.', file: 'tokens.safetensors' },
      corpus: { summary: 'How many tokens there are, and which of them are in which part.', file: 'corpus.json' },
    },

    problems: tokenizingProblems,
    // Where the text lies is in no key: `files` have what is in it.
    inKey: ({ corpus }): JsonObject => ({ corpus: corpus && { field: corpus.field ?? null } }),
    fingerprint: ({ model }) => specialTokenIds(model),
    files: ({ model, corpus }, root) => [...tokenizerFiles(model), ...(corpus === null ? [] : textFiles(corpus, root))],
    watches({ corpus }, root) {
      const folder = corpus === null ? undefined : textFolder(corpus, root);
      return folder === undefined ? [] : [folder];
    },
    work: tokenizingWork,
    memory: tokenizingMemory,
    fitting: fittingTokenizing,
    disk: tokenizingDisk,
    body: () => import('./bodies/tokenize.ts'),
  }),
);
