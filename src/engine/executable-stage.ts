/**
 * Stages that are programs of any language: `stages/NAME.stage.json` beside pipeline.json says what the program takes
 * and makes (schemas/stage-manifest.schema.json), and how it is started. What they say to each other is JSON:
 *
 *     standard input    {"version": 1, "params": {...}, "inputs": {name: path}, "gathered": {name: [...]},
 *                        "outputs": {name: path}}
 *     standard output   {"progress":{"done":3,"total":10}}   any number of times
 *                       {"metrics":{...}}                     once
 *                       any other line belongs to the log, and so does standard error
 *     exit code         0: done
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { Ajv } from 'ajv';
import { execa } from 'execa';
import schema from '../../schemas/stage-manifest.schema.json' with { type: 'json' };
import type { StageManifest } from '../generated/stage-manifest.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { globMatcher } from '../base/glob.ts';
import type { JsonObject } from '../base/json.ts';
import type { Metrics, Progress, StageDefinition, StageJob } from './stage.ts';

const VERSION = 1;
const KILL_AFTER_MS = 250;

/** @throws SwpError of kind `content` for a manifest that is none */
export function readManifest(path: string, name: string): StageManifest {
  const damaged = (message: string) =>
    new SwpError({ kind: 'content', path, message, remedy: 'docs/stages.md says what a manifest holds.' });
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw damaged(`It is no JSON: ${(error as Error).message}`);
  }
  const validate = new Ajv({ validateSchema: false }).compile<StageManifest>(schema);
  if (!validate(manifest)) {
    const problem = validate.errors![0]!;
    throw damaged(`${problem.instancePath || 'It'} ${problem.message}`);
  }
  if (manifest.name !== name) throw damaged(`It describes a stage "${manifest.name}"; the file's name says "${name}"`);
  return manifest;
}

/** The code of a program. */
export interface ProgramCode {
  /** SHA-256 of the manifest and of every file that it names as code, hexadecimal. */
  fingerprint: string;
  /** Absolute paths of these, and of the folders in which another one may turn up. */
  files: string[];
}

/**
 * @param root the project's root: what the patterns are relative to
 * @param path of the manifest
 * @throws SwpError of kind `file` if a file of the code cannot be read
 */
export function programCode(root: string, path: string, manifest: StageManifest): ProgramCode {
  try {
    return readCode(root, path, manifest);
  } catch (error) {
    throw fileFailure(error, join(root, 'stages'), 'read');
  }
}

function readCode(root: string, path: string, { code = [] }: StageManifest): ProgramCode {
  const hash = createHash('sha256').update(readFileSync(path));
  const isCode = globMatcher(code);
  const entries = entriesUnder(root);
  const files = entries
    .filter(({ name, isFolder }) => !isFolder && isCode(name))
    .map(({ name }) => name)
    .sort();
  for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(join(root, file)));
  const folders = ['stages', ...entries.filter(({ isFolder }) => isFolder).map(({ name }) => name)];
  return { fingerprint: hash.digest('hex'), files: [path, ...[...files, ...folders].map((name) => join(root, name))] };
}

/** @param root the project's root: the program's working folder, and what its paths are relative to */
export function executableStage(
  root: string,
  { name, summary, command, params, inputs = {}, outputs }: StageManifest,
): StageDefinition {
  return {
    name,
    summary,
    params: params ?? { type: 'object', additionalProperties: false, properties: {} },
    inputs,
    outputs,
    run: (job) => runProgram(root, command, { inputs, outputs }, job),
  };
}

async function runProgram(
  root: string,
  [program, ...args]: StageManifest['command'],
  { inputs, outputs }: Pick<StageDefinition, 'inputs' | 'outputs'>,
  job: StageJob<JsonObject>,
): Promise<Metrics> {
  const names = Object.entries(inputs);
  const message = {
    version: VERSION,
    params: job.params,
    inputs: Object.fromEntries(
      names.flatMap(([name, { gather }]) =>
        gather || job.optionalInput(name) === undefined ? [] : [[name, job.input(name)]],
      ),
    ),
    gathered: Object.fromEntries(names.flatMap(([name, { gather }]) => (gather ? [[name, job.gathered(name)]] : []))),
    outputs: Object.fromEntries(Object.keys(outputs).map((name) => [name, job.output(name)])),
  };
  // In a new process group, so that the processes that it started can be ended with it.
  const running = execa(program!, args, {
    cwd: root,
    input: JSON.stringify(message),
    buffer: false,
    reject: false,
    detached: true,
    cancelSignal: job.signal,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  const endGroup = () => {
    try {
      if (running.pid !== undefined) process.kill(-running.pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  };
  process.once('exit', endGroup);
  let metrics: Metrics | undefined;
  let lastError = '';
  createInterface({ input: running.stdout }).on('line', (line) => {
    const said = parseLine(line);
    if (said?.progress !== undefined) job.progress(said.progress);
    else if (said?.metrics !== undefined) ({ metrics } = said);
    else job.log(line);
  });
  createInterface({ input: running.stderr }).on('line', (line) => {
    if (line.trim() !== '') lastError = line;
    job.log(line);
  });
  try {
    const { exitCode, signal, failed, originalMessage, code } = await running;
    job.signal.throwIfAborted();
    if (code === 'ENOENT' || code === 'EACCES')
      throw new SwpError({
        kind: 'unavailable',
        what: `"${program}"`,
        message: code === 'ENOENT' ? 'There is no such program' : 'It may not be executed',
        remedy: 'Install it, or make it executable, or correct "command" in the manifest of the stage.',
      });
    if (failed)
      throw new Error(
        lastError !== ''
          ? lastError
          : signal !== undefined
            ? `The program was ended by ${signal}.`
            : `The program ended with exit code ${exitCode ?? originalMessage}.`,
      );
    if (metrics === undefined) throw new Error('The program wrote no line {"metrics": {...}} to its standard output.');
    return metrics;
  } finally {
    process.off('exit', endGroup);
    endGroup();
  }
}

function parseLine(line: string): { progress?: Progress; metrics?: Metrics } | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const said = JSON.parse(line) as { progress?: Partial<Progress>; metrics?: unknown };
    if (typeof said.progress?.done === 'number' && typeof said.progress.total === 'number')
      return { progress: said.progress as Progress };
    return typeof said.metrics === 'object' && said.metrics !== null ? { metrics: said.metrics as Metrics } : undefined;
  } catch {
    return undefined;
  }
}

/** Names relative to the root. */
function entriesUnder(root: string): { name: string; isFolder: boolean }[] {
  return readdirSync(join(root, 'stages'), { recursive: true, withFileTypes: true }).map((entry) => ({
    name: relative(root, join(entry.parentPath, entry.name)),
    isFolder: entry.isDirectory(),
  }));
}
