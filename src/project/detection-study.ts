/**
 * Detection alone: a study of one model with the steps that detection needs, in a folder of its own that goes when it
 * is done. So what is computed, cached, refused and shown is what a study would compute, cache, refuse and show.
 */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { SwpError, type Failure } from '../base/failure.ts';
import { readJsonArtifact } from '../base/json-artifact.ts';
import { makeTemporaryFolder } from '../base/temporary-folder.ts';
import type { SuperWeightReport } from '../generated/super-weights.ts';
import { locateModel, modelProblems } from '../model/model-name.ts';
import { planNodes } from './nodes.ts';
import type { Project } from './project.ts';
import { readRecord } from './records.ts';

export interface DetectionRequest {
  /** As a study names it, from the working folder. */
  model: string;
  /** File or folder; without it, the built-in language of the model. */
  text?: string;
  /** Property of the lines of JSON Lines that holds the text. */
  field?: string;
  /** Of the causal test and of the search, each; what the stage has by default, or 4 of a text, if left out. */
  sequences?: number;
  /** Predicted tokens in each; what the stage has by default, or 128 of a text, if left out. */
  length?: number;
  /** Matched controls of each kind; 2 if left out. */
  controls?: number;
}

/**
 * Of a text, where ordinary words spike as well, so that a weight may matter whose spike is only 1.7 times theirs: the
 * causal test decides alone. Few tokens tell effects of large models well, and each pass is dear.
 */
const ON_TEXT = { spikeRatio: 1, rescans: 0, candidateSequences: 4, causalSequences: 4, sequenceLength: 128 };
/** Of a text so much is read that the samples are drawn from this many times what they take. */
const TEXT_PER_SAMPLE = 40;
/** Most sequences per pass: what a pass takes of memory grows with them. */
const LARGEST_BATCH = 4;

/**
 * Works on such a study.
 * @param work is given the path of its pipeline.json
 * @throws SwpError of kind `usage` for a model or a text that is not there
 */
export async function withDetectionStudy<Result>(
  request: DetectionRequest,
  work: (pipeline: string) => Promise<Result>,
): Promise<Result> {
  const declaration = declarationOf(request);
  const folder = await makeTemporaryFolder('swp-detect-');
  try {
    const pipeline = join(folder, 'pipeline.json');
    await writeFile(pipeline, JSON.stringify(declaration, undefined, 2));
    return await work(pipeline);
  } catch (error) {
    if (error instanceof SwpError) throw new SwpError(withoutPlace(error.failure), { cause: error });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A failure of a node of such a study, in terms of the command line, and without its log if that goes with the study's
 * folder.
 * @param pipeline as `work` was given it
 */
export function inTermsOfCommand(failure: Failure, pipeline: string): Failure {
  const kept = withoutLostLog(failure, pipeline);
  if (kept.kind !== 'stage' || kept.cause?.kind !== 'usage' || kept.cause.lacks !== 'text') return kept;
  const expected = 'fewer or shorter sequences (--sequences, --length), or more text (--text)';
  return { ...kept, cause: { ...kept.cause, expected } };
}

function withoutLostLog(failure: Failure, pipeline: string): Failure {
  if (!('log' in failure) || failure.log === undefined || !isInside(failure.log, dirname(pipeline))) return failure;
  const { log: _, ...rest } = failure;
  return rest as Failure;
}

function isInside(path: string, folder: string): boolean {
  return !relative(folder, path).startsWith('..');
}

/** Mistakes in a declaration that the user has never seen, in terms of the command line. */
function withoutPlace(failure: Failure): Failure {
  if (failure.kind === 'several') return { ...failure, failures: failure.failures.map(withoutPlace) };
  if (failure.kind !== 'study') return failure;
  const { message, expected } = failure;
  return { kind: 'usage', message, ...(expected !== undefined && { expected }) };
}

function declarationOf({ model, text, field, sequences, length, controls = 2 }: DetectionRequest): object {
  const here = process.cwd();
  const [problem] = modelProblems(model, here);
  if (problem !== undefined)
    throw new SwpError({ kind: 'usage', message: `${problem.message}.`, expected: problem.expected ?? 'a model' });
  const path = text === undefined ? undefined : resolve(text);
  if (path !== undefined && !existsSync(path))
    throw new SwpError({
      kind: 'usage',
      message: `There is no text at ${path}.`,
      expected: 'a file of text, a folder of them, or JSON Lines with --field',
    });
  const tokens = path === undefined ? {} : { tokens: 'tokenize.tokens' };
  const sampled = 2 * (sequences ?? ON_TEXT.causalSequences) * (length ?? ON_TEXT.sequenceLength);
  return {
    name: 'detect',
    dag: [
      ...(path === undefined ? [] : [{ step: 'tokenize', stage: 'tokenize' }]),
      { step: 'load', stage: 'load-pretrained' },
      { step: 'detect', stage: 'detect-sw', inputs: { weights: 'load.weights', ...tokens } },
    ],
    defaults: {
      model: locateModel(model, here),
      ...(path !== undefined && { corpus: { text: path, ...(field !== undefined && { field }) } }),
      rounds: 0,
      finalTrain: false,
      params: {
        ...(path !== undefined && {
          tokenize: {
            ...{ limit: Math.min(TEXT_PER_SAMPLE * sampled, 2 ** 31 - 1) },
            ...{ calibration: 0, candidates: 0.3, causal: 0.5, evaluation: 0 },
          },
        }),
        'detect-sw': {
          ...(path !== undefined && ON_TEXT),
          controlsPerKind: controls,
          ...(sequences !== undefined && { candidateSequences: sequences, causalSequences: sequences }),
          ...(length !== undefined && { sequenceLength: length }),
          ...((path !== undefined || sequences !== undefined) && {
            batchSize: Math.min(sequences ?? LARGEST_BATCH, LARGEST_BATCH),
          }),
        },
      },
    },
    experiments: { detect: {} },
  };
}

/** What the detection of such a study found; undefined if it has not run. */
export async function detectionReport(project: Project): Promise<SuperWeightReport | undefined> {
  const [planned] = await planNodes(project, ['stage=detect-sw']);
  const { superWeights } = (await readRecord(project, planned!)).artifacts;
  return superWeights === undefined ? undefined : readJsonArtifact<SuperWeightReport>(superWeights);
}
