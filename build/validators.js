/**
 * Validators of schemas that every command checks something by, as code: compiling the schema of studies would cost
 * each of them a tenth of a second.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';

/** By the name of the generated module: the schemas by the names of the validators that it exports; options of ajv. */
async function declaredValidators(root) {
  const read = async (file) => JSON.parse(await readFile(join(root, 'schemas', file), 'utf8'));
  const { EXPLAINED, compiledName, checkedParams, configSchemas } = await sourceModules(root);
  const study = ofExpandedStudy(await read('pipeline.schema.json'));
  const record = await read('record.schema.json');
  const stages = (await readdir(join(root, 'schemas/stages')))
    .filter((file) => !WITHOUT_SETTABLE.includes(file))
    .sort();
  const params = await Promise.all(stages.map(async (file) => checkedParams(await read(`stages/${file}`))));
  const config = await read('config.schema.json');
  const compiled = [...params, ...configSchemas(), config].map((schema) => [compiledName(schema, EXPLAINED), schema]);
  return {
    'study-validator': { schemas: { validate: study }, options: { ...EXPLAINED, allErrors: false } },
    'study-explainer': { schemas: { validate: study }, options: EXPLAINED },
    'record-validator': { schemas: { validate: record }, options: RECORD_OPTIONS },
    'earlier-record-validator': { schemas: { validate: ofEarlierRecord(record) }, options: RECORD_OPTIONS },
    'compiled-schemas': { schemas: Object.fromEntries(compiled), options: EXPLAINED },
  };
}
const RECORD_OPTIONS = { allowUnionTypes: true, validateSchema: false };
/** Stages whose parameters cannot be set in a study. */
const WITHOUT_SETTABLE = ['aggregate.schema.json'];
/** Of swp 0.1.0: a record without a checksum. */
const UNSEALED_VERSION = 1;
/** What ajv's code asks of its package: the length of a text in characters, not in UTF-16 units. */
const LENGTH = /require\("ajv\/dist\/runtime\/ucs2length"\)\.default/g;

/** What the sources say of schemas, without what is generated from it here. */
async function sourceModules(root) {
  const path = join(root, `dist/schemas-${process.pid}.js`);
  const contents = `
    export { EXPLAINED, compiledName } from './src/base/compile-schema.ts';
    export { configSchemas } from './src/model/parse-config.ts';
    export { checkedParams } from './src/pipeline/stage-params.ts';`;
  await esbuild.build({
    stdin: { contents, resolveDir: root },
    outfile: path,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    plugins: [
      {
        name: 'without what is generated',
        setup(build) {
          build.onResolve({ filter: /\/generated\// }, ({ path }) => ({ path, namespace: 'generated' }));
          build.onLoad({ filter: /./, namespace: 'generated' }, () => ({ contents: 'export const validate = null;' }));
        },
      },
    ],
  });
  try {
    return await import(pathToFileURL(path).href);
  } finally {
    await rm(path);
  }
}

/**
 * @param root of the checkout
 * @param kept reads the text that is there, by name: it is taken if nothing has changed that it is made of
 * @returns texts of modules of src/generated, by name
 */
export async function validatorModules(root, kept) {
  const makers = [fileURLToPath(import.meta.url), join(root, 'package-lock.json')];
  const made = digestOf(await Promise.all(makers.map((path) => readFile(path, 'utf8'))));
  const modules = Object.entries(await declaredValidators(root)).map(async ([name, declared]) => {
    const banner =
      `/* Generated from schemas by build/validators.js. Do not edit. ${digestOf([made, declared])} */\n` +
      "// @ts-nocheck\nimport type { Validator } from '../base/json-mistakes.ts';\n";
    const present = await kept(name);
    return [name, present?.startsWith(banner) ? present : banner + (await validatorCode(declared))];
  });
  return Object.fromEntries(await Promise.all(modules));
}

function digestOf(value) {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

async function validatorCode({ schemas, options }) {
  const [{ Ajv }, { default: standalone }] = await Promise.all([import('ajv'), import('ajv/dist/standalone/index.js')]);
  const ajv = new Ajv({ ...options, meta: false, code: { source: true, esm: true } });
  for (const [name, { $schema: _, ...schema }] of Object.entries(schemas)) ajv.addSchema(schema, name);
  const code = standalone
    .default(ajv, Object.fromEntries(Object.keys(schemas).map((name) => [name, name])))
    .replaceAll(LENGTH, '(text) => { let length = 0; for (const _ of text) length++; return length; }');
  if (/\brequire\(/.test(code)) throw new Error(`A validator needs ${/require\([^)]*\)/.exec(code)[0]} of ajv.`);
  const { code: small } = await esbuild.transform(code, { minify: true, format: 'esm', target: 'node20' });
  return small.replace(/export\{([^}]*)\};\s*$/, (_, exported) => exported.split(',').map(typedExport).join(''));
}

function typedExport(clause) {
  const [local, name] = clause.split(' as ');
  return `export const ${name}: Validator = ${local};\n`;
}

/**
 * The references to the stages' schemas are for editors, which complete parameter names by them. Here they accept
 * anything: parameters are checked by the schema of the stage that is really loaded, which may be a user's own.
 * Templates are written out by then, so an experiment's name must be one.
 */
function ofExpandedStudy(value) {
  if (Array.isArray(value)) return value.map(ofExpandedStudy);
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value.$ref === 'string') {
    if (value.$ref.startsWith('stages/')) return value.$ref.endsWith('.json') ? { type: 'object' } : {};
    if (value.$ref === '#/definitions/templateName') return { ...value, $ref: '#/definitions/name' };
    if (value.$ref === '#/definitions/templateModel') return { ...value, $ref: '#/definitions/model' };
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, ofExpandedStudy(part)]));
}

function ofEarlierRecord({ properties: { checksum: _, ...properties }, required, ...schema }) {
  return {
    ...schema,
    properties: { ...properties, version: { const: UNSEALED_VERSION } },
    required: required.filter((name) => name !== 'checksum'),
  };
}
