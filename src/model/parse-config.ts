/**
 * A model's configuration from the text of its config.json: every field that its family has, and no other. What is
 * wrong is shown at its place, with the name that was most likely meant; so is what other programs call a field.
 */
import { compileSchema, EXPLAINED } from '../base/compile-schema.ts';
import type { JsonValue } from '../base/json.ts';
import { schemaMistakes, throwMistakes, throwMistakesIn, type Mistake, type Validator } from '../base/json-mistakes.ts';
import { displayPath, JsonSource } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { CORPUS_NAMES } from './corpora.ts';
import { FAMILIES, familyOf } from './decoder/family-of.ts';
import type { ModelConfig } from './decoder/family.ts';

/** The fields that every family has, as JSON Schema. A family adds its own (DecoderFamily.fields). */
const COMMON_FIELDS: Record<keyof ModelConfig, object> = {
  family: { type: 'string', description: "name of the decoder's family" },
  corpus: { enum: CORPUS_NAMES, description: 'the built-in language that the model is made for, if it is for one' },
  // Far above what can be run here, so that a slip of the hand does not make planning build a graph without an end.
  layers: { type: 'integer', minimum: 1, maximum: 1000, description: 'decoder layers' },
  width: { type: 'integer', minimum: 2, maximum: 65_536, description: 'residual channels' },
  heads: { type: 'integer', minimum: 1, maximum: 65_536, description: 'attention heads' },
  feedForward: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'hidden channels of the MLP' },
  vocabulary: { type: 'integer', minimum: 2, maximum: 10_000_000, description: 'tokens that there are' },
  // Graphs compute in float32, in which less is 0 and more is infinite.
  normEpsilon: { type: 'number', minimum: 1.2e-38, maximum: 1e38, description: 'what norms add to the variance' },
};

/** What Hugging Face's transformers call the fields, in the configurations of Llama and GPT-2. */
const FOREIGN_NAMES: Record<string, string> = {
  model_type: 'family',
  num_hidden_layers: 'layers',
  n_layer: 'layers',
  hidden_size: 'width',
  n_embd: 'width',
  num_attention_heads: 'heads',
  n_head: 'heads',
  intermediate_size: 'feedForward',
  n_inner: 'feedForward',
  vocab_size: 'vocabulary',
  rms_norm_eps: 'normEpsilon',
  layer_norm_epsilon: 'normEpsilon',
  rope_theta: 'ropeTheta',
  n_positions: 'positions',
  max_position_embeddings: 'positions',
};

/** By family, made when a configuration of the family is read. */
const validators = new Map<string, Validator>();
/** By their text: every node of a study asks for its model's. */
const parsed = new Map<string, ModelConfig>();

/**
 * @param path of the file, for messages
 * @throws SwpError of kind `study` or `several` with the places of what is wrong
 */
export function parseModelConfig(path: string, content: string | Uint8Array): ModelConfig {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('utf8');
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const source = new JsonSource(displayPath(path), content);
  throwMistakes(source.mistakes);
  throwMistakesIn(source, mistakesOf(source.value));
  const config = JSON.parse(text.replace(/^\uFEFF/, '')) as ModelConfig;
  parsed.set(text, config);
  return config;
}

function mistakesOf(content: JsonValue): Mistake[] {
  const family = (content as Partial<ModelConfig> | null)?.family;
  const isKnown = typeof family === 'string' && Object.hasOwn(FAMILIES, family);
  const fields = isKnown ? fieldsOf(family) : fieldsOfAll();
  const mistakes = shapeMistakes(content, isKnown ? family : '', fields);
  if (typeof family === 'string' && !isKnown) return [unknownFamily(family)];
  if (mistakes.length > 0) return mistakes;
  const config = content as unknown as ModelConfig;
  const problem = familyOf(config).problem?.(config);
  if (problem === undefined) return [];
  const [, field = '', said = problem] = /^\/(\w+) (.+)$/.exec(problem) ?? [];
  return [{ path: field === '' ? [] : [field], message: `"${field}" ${said}.`, expected: fieldsText(family!, fields) }];
}

function shapeMistakes(content: JsonValue, family: string, fields: Record<string, object>): Mistake[] {
  const validate = validators.get(family) ?? compileSchema(configSchema(family, fields), EXPLAINED);
  validators.set(family, validate);
  if (validate(content)) return [];
  const names = [...Object.keys(COMMON_FIELDS), ...Object.keys(fields)];
  return schemaMistakes(validate.errors ?? [], content, (name) => unknownField(name, names, family));
}

function unknownFamily(family: string): Mistake {
  const names = Object.keys(FAMILIES);
  return {
    path: ['family'],
    message: `${quoted(family)} is no family of decoders.`,
    expected: listNames(names),
    suggestion: nearestName(family, names),
  };
}

/** Of a field that the family does not have: what it is called here, or what there is. */
function unknownField(name: string, names: string[], family: string): Pick<Mistake, 'message' | 'suggestion'> {
  const foreign = Object.hasOwn(FOREIGN_NAMES, name) ? FOREIGN_NAMES[name]! : undefined;
  const here = foreign !== undefined && names.includes(foreign) ? foreign : undefined;
  const owner = family === '' ? 'A model' : `A model of the family ${quoted(family)}`;
  return {
    message:
      here === undefined
        ? `${owner} has no field ${quoted(name)}.`
        : `${owner} has no field ${quoted(name)}: that is Hugging Face's name of it.`,
    suggestion: here ?? nearestName(name, names),
  };
}

function fieldsText(family: string, fields: Record<string, object>): string {
  return `what a ${family} (${familyOf({ family }).summary.replace(/\.$/, '')}) can have: ${[...Object.keys(COMMON_FIELDS), ...Object.keys(fields)].join(', ')}`;
}

/** The own fields of a family, those that may be left out among them. */
function fieldsOf(family: string): Record<string, object> {
  const { fields, optionalFields } = familyOf({ family });
  return { ...fields, ...optionalFields };
}

/** The own fields of every family: what may stand beside a family that is not named. */
function fieldsOfAll(): Record<string, object> {
  const own = Object.keys(FAMILIES).flatMap((family) => Object.keys(fieldsOf(family)));
  return Object.fromEntries(own.map((name) => [name, {}]));
}

/** What the configurations of each family have to fit: build/validators.js compiles it. */
export function configSchemas(): object[] {
  return Object.keys(FAMILIES).map((family) => configSchema(family, fieldsOf(family)));
}

/** @param family '' where none of them is named: then no field of a family's own is required */
function configSchema(family: string, fields: Record<string, object>): object {
  const own = family === '' ? [] : Object.keys(familyOf({ family }).fields);
  return {
    type: 'object',
    additionalProperties: false,
    required: [...Object.keys(COMMON_FIELDS).filter((name) => name !== 'corpus'), ...own],
    properties: { ...COMMON_FIELDS, ...fields },
  };
}
