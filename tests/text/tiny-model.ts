/** A model of a text, in tests/text/tiny: 2 layers of 32 channels and 512 tokens, trained on the text beside it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '../../src/base/json.ts';

export const TINY = fileURLToPath(new URL('tiny', import.meta.url));
export const TEXT = `${TINY}/text.txt`;

interface ReferenceIds {
  /** Tokens of the whole text, and the last of them. */
  count: number;
  whole: number[];
  samples: { text: string; ids: number[] }[];
  /** Of texts that are cut by other steps than the model's. */
  cuts: { step: JsonObject; text: string; ids: number[] }[];
}

/** What Hugging Face's own tokenizers make of the text: tiny/make_tokenizer.py. */
export function referenceIds(): ReferenceIds {
  return JSON.parse(readFileSync(`${TINY}/reference-ids.json`, 'utf8')) as ReferenceIds;
}
