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
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { StageManifest } from '../generated/stage-manifest.ts';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { LineSplitter } from './line-splitter.ts';
import { ProgramOutput } from './program-output.ts';
import type { Metrics, StageDefinition, StageJob } from './stage.ts';

const VERSION = 1;
const KILL_AFTER_MS = 250;
/** Characters of a program's last line of errors that say why it failed. */
const LONGEST_REASON = 2_000;

/** @param root the project's root: the program's working folder, and what its paths are relative to */
export function executableStage(
  root: string,
  { name, summary, command, replaces, params, inputs = {}, outputs }: StageManifest,
): StageDefinition {
  return {
    name,
    summary,
    params: params ?? { type: 'object', additionalProperties: false, properties: {} },
    inputs,
    outputs,
    ...(replaces !== undefined && { replaces }),
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
  const output = new ProgramOutput(job);
  const reason = new ErrorReason();
  readLines(running.stdout, (line) => output.hear(line));
  readLines(running.stderr, (line) => {
    reason.hear(line);
    output.hearError(line);
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
        reason.text !== ''
          ? reason.text
          : signal !== undefined
            ? `The program was ended by ${signal}.`
            : `The program ended with exit code ${exitCode ?? originalMessage}.`,
      );
    return output.metrics();
  } finally {
    process.off('exit', endGroup);
    endGroup();
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  const splitter = new LineSplitter(onLine);
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => splitter.push(text));
  stream.on('end', () => splitter.end());
}

/**
 * Why a program failed: the last line of its standard error. Node.js ends an uncaught error with a line that tells its
 * own version; there it is the line with the error.
 */
class ErrorReason {
  #last = '';
  #named = '';

  hear(line: string): void {
    if (line.trim() === '') return;
    this.#last = line.slice(0, LONGEST_REASON);
    if (/^(Uncaught )?\w*(Error|Exception)( \[\w+\])?: ./.test(line)) this.#named = this.#last;
  }

  /** Empty if there was none. */
  get text(): string {
    return /^Node\.js v\d/.test(this.#last) && this.#named !== '' ? this.#named : this.#last;
  }
}
