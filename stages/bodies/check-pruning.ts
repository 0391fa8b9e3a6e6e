/** Checks what a stage of a study's own wrote in the place of prune. */
import { basename } from 'node:path';
import { SwpError } from '../../src/base/failure.ts';
import { readJsonArtifact } from '../../src/base/json-artifact.ts';
import type { StageJob } from '../../src/engine/stage.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { MASK_REMEDY, readMasks } from '../../src/model/mask-file.ts';
import { readStoredTensors } from '../../src/model/stored-tensors.ts';
import { pruningMistake } from '../../src/science/pruning-check.ts';

const REMEDY = 'schemas/artifacts/pruning.schema.json says what it holds.';

/** Where an output lies while its stage runs is of no use to anybody. */
function named(error: unknown, path: string): never {
  if (error instanceof SwpError && error.failure.kind === 'content') throw new SwpError({ ...error.failure, path });
  throw error;
}

/** @throws SwpError of kind `content` with the artifact, the tensor, and what it has to be */
export default async function checkPruning({ input, optionalInput, output }: StageJob<unknown>): Promise<void> {
  const earlier = optionalInput('mask');
  const given = (await readStoredTensors(input('weights'))).tensors as Weights;
  const read = async <Content>(artifact: string, content: (path: string) => Promise<Content>): Promise<Content> =>
    content(output(artifact)).catch((error: unknown) => named(error, basename(output(artifact))));
  const tensorsIn = async (path: string) => (await readSafetensors(path)).tensors;
  const mistake = pruningMistake({
    before: { weights: given, masks: earlier === undefined ? new Map() : await readMasks(earlier) },
    weights: await read('weights', tensorsIn),
    masks: await read('mask', (path) => readMasks(path, undefined, MASK_REMEDY)),
    pruning: await read('pruning', (path) => readJsonArtifact(path, REMEDY)),
  });
  if (mistake === undefined) return;
  const { artifact, message, remedy } = mistake;
  throw new SwpError({ kind: 'content', path: basename(output(artifact)), message, remedy });
}
