/**
 * The tokenizer of a model: tokenizer.json and tokenizer_config.json beside its weights, as Hugging Face's tokenizers
 * have them, or the one in its GGUF file. Text is tokenised without adding special tokens; what starts a sequence is a
 * matter of its own.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { Tokenizer } from '@huggingface/tokenizers';
import { SwpError } from '../base/failure.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { listed } from '../base/listed.ts';
import { quoted } from '../base/nearest-name.ts';
import type { DeclaredFile } from '../engine/stage.ts';
import { readTokenizerOfGguf } from './gguf-tokenizer.ts';
import { configPath } from './model-config.ts';
import { isGguf, modelFolder } from './model-name.ts';
import { declaredFiles, isStandIn, readModelStandIn } from './stand-in.ts';
import type { Cut } from './text-files.ts';

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

/** Tokenising takes no longer, whatever the text, and a second more for every thousand characters. */
const LEAST_SECONDS = 120;
/** More tokens than any tokenizer has. */
const MOST_TOKENS = 1 << 24;
const UNFIT = 'Use the tokenizer that the model was trained with, and see that its file is whole.';

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
  /** Where work is called that may never come to an end. */
  readonly #watched = createContext({ work: (): unknown => undefined });
  #cut: { after: Cut | undefined } | undefined;

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
    refuseUnfitVocabulary(path, json);
    try {
      this.#tokenizer = new Tokenizer({ ...json, pre_tokenizer: asReference(path, json.pre_tokenizer) }, config);
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

  /**
   * @param seconds that it may take: patterns of some tokenizers never come to an end
   * @throws SwpError of kind `content` if the text has something that no token stands for, or the tokenizer fails at it
   */
  encode(text: string, seconds = LEAST_SECONDS + text.length / 1000): number[] {
    const ids = this.#within(seconds, text.length, () => {
      const encoded = this.#tokenizer.encode(text, { add_special_tokens: false });
      return encoded.ids as (number | undefined)[];
    });
    if (ids.every((id) => Number.isInteger(id))) return ids as number[];
    throw unfit(
      this.path,
      'The text has characters that it has no token for',
      'Use a tokenizer with an unknown token.',
    );
  }

  /** @throws SwpError of kind `content` if it takes longer, or throws */
  #within<Result>(seconds: number, characters: number, work: () => Result): Result {
    this.#watched.work = work;
    try {
      return runInContext('work()', this.#watched, { timeout: Math.ceil(1000 * seconds) }) as Result;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const text = `${characters.toLocaleString('en')} characters of the text`;
      throw code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
        ? unfit(this.path, `It does not come to an end with ${text} within ${Math.ceil(seconds)} s`, UNFIT)
        : unfit(this.path, `It fails at ${text}: ${message}`, UNFIT);
    }
  }

  /**
   * Where a long text may be cut, so that its pieces have the tokens of the whole: where a word ends and byte-level BPE
   * cuts it anyway. Undefined for a tokenizer of another kind.
   */
  get cut(): Cut | undefined {
    this.#cut ??= { after: cutsAfterWords(this.#json) && this.#dividesWords() ? cutAfterWord : undefined };
    return this.#cut.after;
  }

  /** Whether its patterns do divide where words end: there are some that make tokens of several words. */
  #dividesWords(): boolean {
    const steps = this.#tokenizer.pre_tokenizer!;
    const pretokens = (text: string) => steps.pre_tokenize(text);
    const ends = [' ', '\n', '\r\n', ...WIDE_MARKS];
    return this.#within(LEAST_SECONDS, 1, () =>
      PROBES.every((word) =>
        PROBES.flatMap((next) => ends.map((end) => end + next)).every((rest) =>
          isDeepStrictEqual(pretokens(word + rest), [...pretokens(word), ...pretokens(rest)]),
        ),
      ),
    );
  }
}

/** White space in a `Split` is that of Unicode, as for the reference implementation; elsewhere it is JavaScript's. */
const WHITE = String.raw`\s+`;
const PUNCTUATION = String.raw`[\p{P}!-\/:-@\[-\`{-~]`;
/** Of `ByteLevel`: what GPT-2 takes for a word. */
const GPT2_WORDS = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
/** Puts a space in front of what does not begin with one. */
const SPACE_IN_FRONT = { type: 'Metaspace', replacement: ' ', prepend_scheme: 'always' };

/**
 * A pre-tokenizer that cuts as the reference implementation does. The package has digits and letters of ASCII alone,
 * and JavaScript's white space, in all that is no `Split`; it takes runs of punctuation for one mark, and of `Split`
 * every `behavior` but removing for isolating.
 */
function asReference(path: string, step: JsonValue | undefined): JsonValue {
  if (!isJsonObject(step)) return step ?? null;
  if (Array.isArray(step.pretokenizers))
    return { ...step, pretokenizers: step.pretokenizers.map((each) => asReference(path, each)) };
  switch (step.type) {
    case 'Digits':
      return split('Isolated', step.individual_digits === true ? '\\p{N}' : '\\p{N}+');
    case 'Whitespace':
      return split('Removed', String.raw`\w+|[^\w\s]+`, true);
    case 'WhitespaceSplit':
      return split('Removed', WHITE);
    case 'BertPreTokenizer':
      return sequence([split('Removed', WHITE), split('Isolated', PUNCTUATION)]);
    case 'Punctuation':
      return behaviorOf(path, step, ['isolated', 'removed', 'contiguous']) === 'contiguous'
        ? split('Isolated', `${PUNCTUATION}+`)
        : split(step.behavior ?? 'Isolated', PUNCTUATION);
    case 'ByteLevel': {
      if (step.use_regex === false) return step;
      const bytes = { ...step, add_prefix_space: false, use_regex: false };
      return sequence([
        ...(step.add_prefix_space === true ? [SPACE_IN_FRONT] : []),
        split('Isolated', GPT2_WORDS),
        bytes,
      ]);
    }
    case 'Split': {
      if (behaviorOf(path, step, ['isolated', 'removed']) === 'isolated') return { ...step, invert: false };
      const { pattern } = step;
      // Of a string that is removed the package keeps what it removes.
      return isJsonObject(pattern) && typeof pattern.String === 'string' && step.invert !== true
        ? split('Removed', pattern.String.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
        : step;
    }
    default:
      return step;
  }
}

function split(behavior: JsonValue, Regex: string, invert = false): JsonObject {
  return { type: 'Split', pattern: { Regex }, behavior, invert };
}

function sequence(pretokenizers: JsonObject[]): JsonObject {
  return { type: 'Sequence', pretokenizers };
}

/** @throws SwpError of kind `content` for one that is none of `known` */
function behaviorOf(path: string, { type, behavior = 'Isolated' }: JsonObject, known: string[]): string {
  const name = String(behavior).toLowerCase();
  if (known.includes(name)) return name;
  const knows = listed(known.map((each) => quoted(each[0]!.toUpperCase() + each.slice(1))));
  throw unfit(
    path,
    `Its ${String(type)} has the behavior ${quoted(String(behavior))}, and swp knows ${knows}`,
    'Use a model with another tokenizer.',
  );
}

/** Words of several scripts and cases. */
const PROBES = ['word', 'Word', 'WORD', 'слово', '中文'];

/** Marks that end a word in languages that are written without spaces. */
const WIDE_MARKS = '。，、！？；：';

/** Between a letter and the space before another one, the end of its line, or such a mark. */
function cutAfterWord(text: string, from: number): number {
  const boundary = new RegExp(`\\p{L}(?= \\p{L}|[\\r\\n${WIDE_MARKS}])`, 'gu');
  boundary.lastIndex = from;
  const found = boundary.exec(text);
  return found === null ? -1 : found.index + found[0].length;
}

/** Whether tokens never reach over the end of a word, and no token depends on where a text begins. */
function cutsAfterWords({ normalizer, pre_tokenizer: cuts, added_tokens: added }: JsonObject): boolean {
  const steps = stepsOf(cuts, 'pretokenizers');
  const isByteLevel = steps.some((step) => step.type === 'ByteLevel' && step.add_prefix_space !== true);
  const known = steps.every(({ type }) => ['ByteLevel', 'Digits', 'Split', 'Punctuation'].includes(String(type)));
  const forms = stepsOf(normalizer, 'normalizers').every(({ type }) =>
    ['NFC', 'NFKC', 'NFD', 'NFKD'].includes(String(type)),
  );
  const marks = new RegExp(`[\\s${WIDE_MARKS}]`);
  const plain = (Array.isArray(added) ? added : []).every(
    (token) =>
      isJsonObject(token) && !marks.test(String(token.content)) && token.lstrip !== true && token.rstrip !== true,
  );
  return isByteLevel && known && forms && plain;
}

/** A step of tokenizer.json, or those of a sequence of them. */
function stepsOf(step: JsonValue | undefined, list: string): JsonObject[] {
  if (!isJsonObject(step)) return [];
  const inner = step[list];
  return step.type === 'Sequence' && Array.isArray(inner) ? inner.filter(isJsonObject) : [step];
}

/**
 * The package reads any ids, and drops what merges make if that is no token.
 * @throws SwpError of kind `content` for a vocabulary that the reference implementation does not read
 */
function refuseUnfitVocabulary(path: string, { model, added_tokens: added }: JsonObject): void {
  if (!isJsonObject(model)) return; // the package says so
  const vocabulary = isJsonObject(model.vocab) ? model.vocab : {};
  const addedIds = (Array.isArray(added) ? added : []).filter(isJsonObject).map(({ id, content }) => [content, id]);
  for (const [token, id] of [...Object.entries(vocabulary), ...addedIds])
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MOST_TOKENS)
      throw unfit(path, `The token ${quoted(String(token))} has the id ${JSON.stringify(id)}, which is none`, UNFIT);
  if (model.type !== 'BPE' || !Array.isArray(model.merges)) return;
  for (const merge of model.merges) {
    const parts = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => typeof part === 'string'))
      throw unfit(path, `Its merge ${JSON.stringify(merge)} is no pair of tokens`, UNFIT);
    const [first, second] = parts as [string, string];
    const prefix = model.continuing_subword_prefix;
    const joined = first + (typeof prefix === 'string' ? second.slice(prefix.length) : second);
    const missing = [first, second, joined].find((token) => !Object.hasOwn(vocabulary, token));
    if (missing !== undefined)
      throw unfit(path, `Its merge ${JSON.stringify(merge)} needs the token ${quoted(missing)}, which it lacks`, UNFIT);
  }
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
