/**
 * A configuration of Hugging Face's, read with the defaults of transformers and turned into swp's. What swp does not
 * compute is refused at its place, and so is a field of which swp does not know whether it changes anything.
 */
import { entryOf, isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { throwMistakes, throwMistakesIn, type Mistake } from '../base/json-mistakes.ts';
import { displayPath, JsonSource } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { ConfigFields } from './config-fields.ts';
import { familyOf } from './decoder/family-of.ts';
import { PUBLISHED } from './decoder/published.ts';
import type { PublishedConfig, PublishedFamily } from './decoder/published-family.ts';
import { IGNORED_FIELDS, REFUSED_FIELDS } from './unsupported-fields.ts';

export interface ReadConfig {
  /** As the file says it; whether the head is tied may depend on the weights, too. */
  config: PublishedConfig;
  family: PublishedFamily;
}

/** Whether the text of a config.json is one of Hugging Face's: it has a `model_type`, and no `family`. */
export function isPublishedConfig(content: string | Uint8Array): boolean {
  return configKind(content) === 'published';
}

/** Whether a config.json is one of transformers' or of swp's own; `unreadable` if it is no JSON or neither. */
export function configKind(content: string | Uint8Array): 'published' | 'own' | 'unreadable' {
  try {
    const value = JSON.parse(
      Buffer.from(content)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    ) as JsonValue;
    if (!isJsonObject(value)) return 'unreadable';
    if (Object.hasOwn(value, 'family')) return 'own';
    return Object.hasOwn(value, 'model_type') ? 'published' : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

/**
 * @param path of the file, for messages
 * @throws SwpError of kind `study` or `several` with the places of what is wrong
 */
export function parsePublishedConfig(path: string, content: string | Uint8Array): ReadConfig {
  const source = new JsonSource(displayPath(path), content);
  throwMistakes(source.mistakes);
  const values = source.value as JsonObject;
  const { model_type: type = null } = values;
  const family = typeof type === 'string' ? entryOf(PUBLISHED, type) : undefined;
  if (family === undefined) {
    throwMistakesIn(source, [unknownType(type)]);
    throw new Error('An unknown model_type was let through.');
  }
  const mistakes: Mistake[] = [];
  const config = configOf(family, new ConfigFields(values, mistakes));
  throwMistakesIn(source, mistakes);
  return { config, family };
}

function configOf(family: PublishedFamily, fields: ConfigFields): PublishedConfig {
  fields.ignore(['model_type', ...IGNORED_FIELDS, ...family.ignored]);
  const [architecture] = fields.texts('architectures') ?? [];
  if (architecture !== undefined && !family.architectures.includes(architecture))
    fields.refuse(
      'architectures',
      `swp reads no ${quoted(architecture)}.`,
      listNames(family.architectures),
      nearestName(architecture, family.architectures),
    );
  for (const [name, { allowed, what }] of Object.entries(REFUSED_FIELDS)) fields.only(name, allowed, what);
  const config = family.config(fields);
  fields.refuseOthers(`a ${config.family}`);
  if (fields.mistakes.length > 0) return config;
  const problem = familyOf(config).problem?.(config);
  const [, field = '', said = problem] = /^\/(\w+) (.+)$/.exec(problem ?? '') ?? [];
  const name = family.fieldNames[field] ?? field;
  if (problem !== undefined) fields.refuse(name, `"${name}" ${said}.`);
  return config;
}

function unknownType(type: JsonValue): Mistake {
  const known = Object.keys(PUBLISHED);
  return {
    path: ['model_type'],
    message: `swp reads no models of the type ${typeof type === 'string' ? quoted(type) : JSON.stringify(type)}.`,
    expected: listNames(known),
    suggestion: typeof type === 'string' ? nearestName(type, known) : undefined,
  };
}
