/**
 * The tokenizer of a model: tokenizer.json and tokenizer_config.json beside its weights, as Hugging Face's tokenizers
 * have them, or the one in its GGUF file. Text is tokenised without adding special tokens; what starts a sequence is a
 * matter of its own.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { SwpError } from '../base/failure.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { quoted } from '../base/nearest-name.ts';
import type { DeclaredFile } from '../engine/stage.ts';
import { readTokenizerOfGguf } from './gguf-tokenizer.ts';
import { configPath } from './model-config.ts';
import { isGguf, modelFolder } from './model-name.ts';
import { declaredFiles, isStandIn, readModelStandIn } from './stand-in.ts';

const REMEDY = 'A text needs the tokenizer of the model: put its tokenizer.json beside config.json.';
/** The file that says which tokens are special. */
const CONFIG = 'tokenizer_config.json';
const TOKENIZER = 'tokenizer.json';
/** In keys, the GGUF file that has the tokenizer. */
const GGUF = 'tokenizer';

/** The files of a model's tokenizer, for keys. A tokenizer.json beside a GGUF file is taken in the place of its own. */
export function tokenizerFiles(model: string): DeclaredFile[] {
  if (isStandIn(model)) {
    const { tokenizer, source } = readModelStandIn(model);
    return declaredFiles(model, tokenizer, `the tokenizer of ${source}`);
  }
  if (isInGguf(model)) return [{ name: GGUF, path: model }];
  const config = join(modelFolder(model), CONFIG);
  return [
    { name: TOKENIZER, path: tokenizerPath(model), remedy: REMEDY },
    ...(existsSync(config) ? [{ name: CONFIG, path: config }] : []),
  ];
}

function isInGguf(model: string): boolean {
  return isGguf(model) && !existsSync(tokenizerPath(model));
}

function tokenizerPath(model: string): string {
  return join(modelFolder(model), TOKENIZER);
}

/** What starts every sequence. */
export interface StartToken {
  id: number;
  content: string;
}

export class ModelTokenizer {
  /** Where it comes from, for messages. */
  readonly path: string;
  readonly #tokenizer: Tokenizer;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #json: JsonObject;
  readonly #config: JsonObject;

  /**
   * @param path for messages
   * @param json what tokenizer.json holds
   * @param config what tokenizer_config.json holds, and of config.json the ids of special tokens
   * @throws SwpError of kind `content` for a tokenizer that cannot be read, or is of a kind that is not known
   */
  constructor(path: string, json: JsonObject, config: JsonObject) {
    this.path = path;
    this.#json = json;
    this.#config = config;
    try {
      this.#tokenizer = new Tokenizer(json, config);
      this.#ids = this.#tokenizer.get_vocab(true);
    } catch (error) {
      throw unfit(path, `The tokenizer cannot be used: ${(error as Error).message}`);
    }
  }

  /** Token ids are below it. */
  get vocabulary(): number {
    let largest = -1;
    for (const id of this.#ids.values()) largest = Math.max(largest, id);
    return largest + 1;
  }

  /**
   * @param declared the token that a study wants in front of sequences; null for that of the model: its BOS, or its EOS
   *   where it has none
   * @throws SwpError of kind `content` if there is no such token
   */
  startToken(declared: string | null): StartToken {
    if (declared !== null) {
      const id = this.#ids.get(declared);
      if (id !== undefined) return { id, content: declared };
      throw unfit(this.path, `It has no token ${quoted(declared)}`, 'Correct tokenize.start.');
    }
    for (const name of ['bos', 'eos']) {
      const id = this.#specialToken(name);
      if (id !== undefined) return { id, content: this.#tokenizer.id_to_token(id) ?? '' };
    }
    throw unfit(
      this.path,
      'It has neither a BOS nor an EOS token to put in front of sequences',
      'Name a token of it as tokenize.start.',
    );
  }

  #specialToken(name: string): number | undefined {
    const token = this.#config[`${name}_token`];
    const content = isJsonObject(token) ? token.content : token;
    const known = typeof content === 'string' ? this.#ids.get(content) : undefined;
    const id = known ?? this.#config[`${name}_token_id`];
    return typeof id === 'number' && this.#tokenizer.id_to_token(id) !== undefined ? id : undefined;
  }

  /** @throws SwpError of kind `content` if the text has something that no token stands for */
  encode(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: false }) as { ids: (number | undefined)[] };
    if (ids.every((id) => Number.isInteger(id))) return ids as number[];
    throw unfit(
      this.path,
      'The text has characters that it has no token for',
      'Use a tokenizer with an unknown token.',
    );
  }

  /**
   * Where a long text may be cut, so that its pieces have the tokens of the whole: between a letter and the space
   * before another one, where byte-level BPE cuts it anyway. Undefined for a tokenizer of another kind.
   * @returns the place at or after `from`, -1 if there is none
   */
  get cut(): ((text: string, from: number) => number) | undefined {
    return cutsAtSpaces(this.#json) ? cutAtSpace : undefined;
  }
}

function cutAtSpace(text: string, from: number): number {
  const boundary = /\p{L}(?= \p{L})/gu;
  boundary.lastIndex = from;
  const found = boundary.exec(text);
  return found === null ? -1 : found.index + found[0].length;
}

/** Whether tokens never reach over a space between letters, and no token depends on where a text begins. */
function cutsAtSpaces({ normalizer, pre_tokenizer: cuts, added_tokens: added }: JsonObject): boolean {
  const steps = stepsOf(cuts, 'pretokenizers');
  const isByteLevel = steps.some((step) => step.type === 'ByteLevel' && step.add_prefix_space !== true);
  const known = steps.every(({ type }) => ['ByteLevel', 'Digits', 'Split', 'Punctuation'].includes(String(type)));
  const forms = stepsOf(normalizer, 'normalizers').every(({ type }) =>
    ['NFC', 'NFKC', 'NFD', 'NFKD'].includes(String(type)),
  );
  const plain = (Array.isArray(added) ? added : []).every(
    (token) =>
      isJsonObject(token) && !/\s/.test(String(token.content)) && token.lstrip !== true && token.rstrip !== true,
  );
  return isByteLevel && known && forms && plain;
}

/** A step of tokenizer.json, or those of a sequence of them. */
function stepsOf(step: JsonValue | undefined, list: string): JsonObject[] {
  if (!isJsonObject(step)) return [];
  const inner = step[list];
  return step.type === 'Sequence' && Array.isArray(inner) ? inner.filter(isJsonObject) : [step];
}

/** @throws SwpError if the model has no tokenizer that can be used */
export async function readTokenizer(model: string): Promise<ModelTokenizer> {
  const named = isStandIn(model)
    ? Object.fromEntries(tokenizerFiles(model).map((file) => [file.name, file.path]))
    : undefined;
  const gguf = named === undefined ? (isInGguf(model) ? model : undefined) : named[GGUF];
  if (gguf !== undefined) {
    const { tokenizer, config } = await readTokenizerOfGguf(gguf);
    return new ModelTokenizer(gguf, tokenizer, config);
  }
  const path = named === undefined ? tokenizerPath(model) : named[TOKENIZER]!;
  const configured = named === undefined ? join(modelFolder(model), CONFIG) : named[CONFIG];
  const config = configured === undefined ? {} : await readJson(configured, true);
  return new ModelTokenizer(path, await readJson(path), { ...(await specialTokenIds(model)), ...config });
}

/** What a model's own configuration says of special tokens: it counts where the tokenizer's does not name them. */
export async function specialTokenIds(model: string): Promise<JsonObject> {
  if (isStandIn(model)) return readModelStandIn(model).specialTokens;
  if (isGguf(model)) return {};
  const { bos_token_id: bos, eos_token_id: eos } = await readJson(configPath(model));
  return { ...(bos !== undefined && { bos_token_id: bos }), ...(eos !== undefined && { eos_token_id: eos }) };
}

/** @param optional whether the file need not be there */
async function readJson(path: string, optional = false): Promise<JsonObject> {
  let text: string;
  try {
    refuseOddFile(path);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw fileFailure(error, path, 'read', REMEDY);
  }
  try {
    const content = JSON.parse(text) as JsonValue;
    if (isJsonObject(content)) return content;
  } catch {
    // said below
  }
  throw unfit(path, /^version https:\/\/git-lfs/.test(text) ? 'It is a pointer of Git LFS' : 'It is no object in JSON');
}

function unfit(path: string, message: string, remedy = REMEDY): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}
