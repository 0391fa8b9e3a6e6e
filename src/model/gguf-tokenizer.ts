/**
 * The tokenizer in a GGUF file, as the two files that Hugging Face's tokenizers read: tokenizer.json and
 * tokenizer_config.json. GGUF has vocabulary, merges and kinds of token; how text is cut before it is merged is only
 * named there (`tokenizer.ggml.pre`), and is written out here.
 */
import { SwpError } from '../base/failure.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { GgufFile } from './gguf.ts';

export interface GgufTokenizer {
  /** What tokenizer.json would hold. */
  tokenizer: JsonObject;
  /** What tokenizer_config.json would hold: the special tokens by their purpose. */
  config: JsonObject;
}

/** How a pre-tokenizer cuts text, as tokenizer.json says it, and what else it brings with it. */
interface PreTokenizer {
  cuts: JsonValue[];
  normalizer?: JsonValue;
  /** A piece that is in the vocabulary is one token, whatever the merges would make of it. */
  ignoreMerges?: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const AFTER_NUMBERS = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const GPT2: PreTokenizer = { cuts: [byteLevel(true)] };
const SINGLE_DIGITS: PreTokenizer = { cuts: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] };
const LLAMA3: PreTokenizer = {
  cuts: [split(String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${AFTER_NUMBERS}`), byteLevel(false)],
  ignoreMerges: true,
};
const QWEN2: PreTokenizer = {
  cuts: [split(String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${AFTER_NUMBERS}`), byteLevel(false)],
  normalizer: { type: 'NFC' },
};

/** By the names of llama.cpp (`llama_vocab_pre_type`); of Hugging Face's models, by their tokenizer.json. */
const PRE_TOKENIZERS: Record<string, PreTokenizer> = {
  'gpt-2': GPT2,
  smollm: SINGLE_DIGITS,
  starcoder: SINGLE_DIGITS,
  refact: SINGLE_DIGITS,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  qwen2: QWEN2,
};

/** Kinds of token, by the numbers of `tokenizer.ggml.token_type`. */
const CONTROL = 3;
const USER_DEFINED = 4;

const REMEDY = 'Put the tokenizer.json of the original model beside it, or use a GGUF file of another model.';

/**
 * @throws SwpError if the file is no whole GGUF file, or has no tokenizer, or one of another kind than byte-level BPE
 *   with a pre-tokenizer that is known
 */
export async function readTokenizerOfGguf(path: string): Promise<GgufTokenizer> {
  const file = await GgufFile.open(path);
  try {
    return tokenizerOf(file);
  } finally {
    await file.close();
  }
}

function tokenizerOf(file: GgufFile): GgufTokenizer {
  const { path } = file;
  const model = file.text('tokenizer.ggml.model');
  if (model === undefined) throw unfit(path, 'It has no tokenizer (no "tokenizer.ggml.model")');
  if (model !== 'gpt2')
    throw unfit(path, `Its tokenizer is of the kind ${quoted(model)}, and swp reads "gpt2", which is byte-level BPE`);
  const name = file.text('tokenizer.ggml.pre');
  const pre = name !== undefined && Object.hasOwn(PRE_TOKENIZERS, name) ? PRE_TOKENIZERS[name]! : undefined;
  if (pre === undefined)
    throw unfit(
      path,
      `${name === undefined ? 'It does not say how its tokenizer cuts text ("tokenizer.ggml.pre")' : `Its tokenizer cuts text as ${quoted(name)}`}, and swp knows ${listNames(Object.keys(PRE_TOKENIZERS), 20)}`,
    );
  const tokens = listOf(path, 'tokenizer.ggml.tokens', file.texts('tokenizer.ggml.tokens'));
  const merges = listOf(path, 'tokenizer.ggml.merges', file.texts('tokenizer.ggml.merges'));
  const kinds = file.numbers('tokenizer.ggml.token_type') ?? [];
  if (kinds.length > 0 && kinds.length !== tokens.length)
    throw unfit(path, `Its tokenizer has ${tokens.length} tokens and ${kinds.length} kinds of token`);
  const vocabulary = Object.create(null) as Record<string, number>; // so that any text can be a token
  tokens.forEach((token, id) => (vocabulary[token] = id));
  if (Object.keys(vocabulary).length < tokens.length) throw unfit(path, 'Its tokenizer has a token twice');
  const added = tokens.flatMap((content, id) => {
    const special = kinds[id] === CONTROL;
    return special || kinds[id] === USER_DEFINED ? [addedToken(id, content, special)] : [];
  });
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: pre.normalizer ?? null,
      pre_tokenizer: { type: 'Sequence', pretokenizers: pre.cuts },
      post_processor: null,
      decoder: byteLevel(true),
      model: {
        ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
        ...{ fuse_unk: false, byte_fallback: false, ignore_merges: pre.ignoreMerges ?? false },
        vocab: vocabulary,
        merges: merges.map((merge) => pairOf(path, merge)),
      },
    },
    config: { ...specialTokens(file, tokens), clean_up_tokenization_spaces: false },
  };
}

/** Special tokens by the names of tokenizer_config.json. */
function specialTokens(file: GgufFile, tokens: readonly string[]): JsonObject {
  const names = { bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' };
  const found: JsonObject = {};
  for (const [name, here] of Object.entries(names)) {
    const id = file.number(`tokenizer.ggml.${here}_token_id`);
    if (id === undefined) continue;
    if (tokens[id] === undefined)
      throw unfit(file.path, `Its ${here} token is ${id}, and the tokenizer has ${tokens.length} tokens`);
    found[`${name}_token`] = tokens[id];
  }
  const addBos = file.flag('tokenizer.ggml.add_bos_token');
  return { ...found, ...(addBos !== undefined && { add_bos_token: addBos }) };
}

function listOf(path: string, name: string, list: string[] | undefined): string[] {
  if (list === undefined || list.length === 0) throw unfit(path, `Its tokenizer lacks ${quoted(name)}`);
  return list;
}

/** `Ġ t` as its two parts. A part has no space in it: byte-level BPE writes one as `Ġ`. */
function pairOf(path: string, merge: string): string[] {
  const parts = merge.split(' ');
  if (parts.length !== 2 || parts.includes('')) throw unfit(path, `Its merge ${quoted(merge)} is no pair of tokens`);
  return parts;
}

function addedToken(id: number, content: string, special: boolean): JsonObject {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

function byteLevel(useRegex: boolean): JsonObject {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

function split(regex: string): JsonObject {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false };
}

function unfit(path: string, message: string): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy: REMEDY });
}
