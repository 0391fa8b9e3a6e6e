/**
 * Runs a stage as a worker runs it: defaults filled in, inputs by name, outputs in a folder of the test file.
 */
import { mkdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, inject } from 'vitest';
import type { GatheredArtifact, Metrics, Progress, StageDefinition } from '../../src/engine/stage.ts';

export interface StageSetup<Params> {
  params?: Partial<Params>;
  /** Paths of the input artifacts. */
  inputs?: Record<string, string>;
  gathered?: Record<string, GatheredArtifact[]>;
  signal?: AbortSignal;
  /** Outputs that will not be kept. */
  unwanted?: readonly string[];
  /** An earlier stop to go on from: its length, and its outputs. */
  resume?: { at: number; outputs: Record<string, string> };
  /**
   * Called with every checkpoint that the stage offers; `write` puts the state into files, whose paths it resolves
   * with.
   */
  onCheckpoint?(at: number, write: () => Promise<Record<string, string>>): Promise<void>;
}

export interface StageOutcome {
  metrics: Metrics;
  /** Path of every declared output. */
  outputs: Record<string, string>;
  progress: Progress[];
  log: string[];
}

/** The folder of the test file that is running. */
function folder(): string {
  const path = join(inject('suiteFolder'), basename(expect.getState().testPath!, '.test.ts'));
  mkdirSync(path, { recursive: true });
  return path;
}

/** A path in the folder of this test file. */
export function temporaryFile(name: string): string {
  return join(folder(), name);
}

export async function runStage<Params>(
  stage: StageDefinition<Params>,
  { params, inputs = {}, gathered = {}, signal, unwanted, resume, onCheckpoint }: StageSetup<Params>,
): Promise<StageOutcome> {
  const root = folder();
  const job = await mkdtemp(join(root, 'job-'));
  const outputs = Object.fromEntries(Object.entries(stage.outputs).map(([name, { file }]) => [name, join(job, file)]));
  const progress: Progress[] = [];
  const log: string[] = [];
  const metrics = await stage.run({
    params: { ...defaultsOf(stage), ...params } as Params,
    root,
    input: (name) => declared(inputs, name),
    optionalInput: (name) => inputs[name],
    gathered: (name) => declared(gathered, name),
    output: (name) => declared(outputs, name),
    ...(unwanted && { unwanted }),
    ...(resume && { resume: { at: resume.at, state: (name) => declared(resume.outputs, name) } }),
    checkpoint: async (at, write) =>
      onCheckpoint?.(at, async () => {
        const files: Record<string, string> = {};
        await write((name) => (files[name] = join(job, `${at}-${name}`)));
        return files;
      }),
    progress: (report) => void progress.push(report),
    log: (line) => void log.push(line),
    signal: signal ?? new AbortController().signal,
  });
  return { metrics, outputs, progress, log };
}

export function defaultsOf(stage: StageDefinition<never>): Record<string, unknown> {
  const { properties } = stage.params as { properties: Record<string, { default?: unknown }> };
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => ('default' in property ? [[name, property.default]] : [])),
  );
}

function declared<Value>(values: Record<string, Value>, name: string): Value {
  const value = values[name];
  if (value === undefined) throw new Error(`There is no "${name}" in this test's setup.`);
  return value;
}
