/**
 * The other end of `executable-stage.ts`, for stages that are programs in JavaScript or TypeScript: reads the job from
 * standard input, and says progress, metrics and failures as swp hears them. docs/stages.md has an example.
 */
import { readFileSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { GatheredArtifact, Metrics, StageJob } from './stage.ts';

/** What a program is given: a stage's job without checkpoints, which programs do not have. */
export type StageProgramJob<Params> = Omit<StageJob<Params>, 'resume' | 'checkpoint'>;

interface Message {
  params: JsonObject;
  inputs: Record<string, string>;
  gathered: Record<string, GatheredArtifact[]>;
  outputs: Record<string, string>;
}

/**
 * Runs one node: call it once, as the program's last statement.
 *
 * If `work` throws, its message is what the user sees, its stack goes to the log, and the exit code is 1. `job.input`
 * and `job.output` give absolute paths, and throw for a name that the manifest does not have.
 * @param work reads the inputs, writes every output, and returns the metrics: numbers, strings, booleans or null
 * @throws Error if the program was started by hand: there is no job on standard input
 */
export async function runStageProgram<Params = JsonObject>(
  work: (job: StageProgramJob<Params>) => Metrics | Promise<Metrics>,
): Promise<void> {
  const message = readMessage();
  const stopping = new AbortController();
  process.once('SIGTERM', () => {
    stopping.abort();
    process.exitCode = 143;
  });
  try {
    const metrics = await work(jobOf<Params>(message, stopping.signal));
    say({ metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, finite(name, value)])) });
  } catch (error) {
    const remedy = error instanceof SwpError && 'remedy' in error.failure ? ` ${error.failure.remedy}` : '';
    const reason = `${error instanceof Error ? error.message : String(error)}${remedy}`;
    // The last line of standard error is the reason that swp shows.
    process.stderr.write(`${error instanceof Error ? error.stack : ''}\n${reason.replace(/\s*\n\s*/g, ' ')}\n`);
    process.exitCode ||= 1;
  }
}

function readMessage(): Message {
  try {
    if (process.stdin.isTTY) throw new Error('a terminal');
    return JSON.parse(readFileSync(0, 'utf8')) as Message;
  } catch {
    throw new Error(
      'There is no job on standard input: swp starts this program for a step of pipeline.json. By hand, give it {"version": 1, "params": {...}, "inputs": {...}, "gathered": {}, "outputs": {...}}.',
    );
  }
}

function jobOf<Params>({ params, inputs, gathered, outputs }: Message, signal: AbortSignal): StageProgramJob<Params> {
  return {
    params: params as Params,
    root: process.cwd(), // where swp starts programs
    input: (name) => named(inputs, name, 'input'),
    optionalInput: (name) => (Object.hasOwn(inputs, name) ? inputs[name] : undefined),
    gathered: (name) => named(gathered, name, 'gathered input'),
    output: (name) => named(outputs, name, 'output'),
    progress: (progress) => say({ progress }),
    log: (line) => void process.stderr.write(`${line}\n`),
    signal,
  };
}

function named<Value>(values: Record<string, Value>, name: string, what: string): Value {
  if (Object.hasOwn(values, name)) return values[name]!;
  const known = Object.keys(values).join(', ') || 'none';
  throw new Error(
    `There is no ${what} "${name}" in this job; it has ${known}. The manifest and pipeline.json name them.`,
  );
}

function finite(name: string, value: Metrics[string]): Metrics[string] {
  if (typeof value !== 'number' || Number.isFinite(value)) return value;
  process.stderr.write(`The metric "${name}" is not finite: it is kept as null.\n`);
  return null;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
