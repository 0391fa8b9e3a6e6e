/**
 * Validators of JSON Schemas. The build has compiled those that most commands need (build/validators.js); ajv is loaded
 * for the first of any other.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as ajv from 'ajv';
import * as compiled from '../generated/compiled-schemas.ts';
import type { Validator } from './json-mistakes.ts';

const require = createRequire(import.meta.url);

/** What schemas of parameters and of configurations are checked with: every mistake, with the schema that it breaks. */
export const EXPLAINED = { allErrors: true, verbose: true, strict: false, validateSchema: false };

/** @throws Error of ajv if it cannot be compiled */
export function compileSchema<Value>(schema: object, options: ajv.Options): Validator<Value> {
  const name = compiledName(schema, options);
  if (Object.hasOwn(compiled, name)) return (compiled as Record<string, Validator>)[name] as Validator<Value>;
  const { Ajv } = require('ajv') as typeof ajv;
  // Optimising the code takes longer than running it.
  return new Ajv({ ...options, code: { optimize: false } }).compile<Value>(schema);
}

/** Under what name the build exports the validator of a schema. */
export function compiledName(schema: object, options: ajv.Options): string {
  return `sha256_${createHash('sha256')
    .update(JSON.stringify([schema, options]))
    .digest('hex')}`;
}
