/** A model of a text, in tests/text/tiny: 2 layers of 32 channels and 512 tokens, trained on the text beside it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const TINY = fileURLToPath(new URL('tiny', import.meta.url));
export const TEXT = `${TINY}/text.txt`;

interface ReferenceIds {
  /** Tokens of the whole text, and the last of them. */
  count: number;
  whole: number[];
  samples: { text: string; ids: number[] }[];
}

/** What Hugging Face's own tokenizers make of the text: tiny/make_tokenizer.py. */
export function referenceIds(): ReferenceIds {
  return JSON.parse(readFileSync(`${TINY}/reference-ids.json`, 'utf8')) as ReferenceIds;
}
