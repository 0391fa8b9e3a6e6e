/** Checks what a stage of a study's own wrote in the place of prune. */
import { basename } from 'node:path';
import { SwpError } from '../../src/base/failure.ts';
import { readJsonArtifact } from '../../src/base/json-artifact.ts';
import type { StageJob } from '../../src/engine/stage.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { readMasks } from '../../src/model/weights-file.ts';
import { pruningMistake } from '../../src/science/pruning-check.ts';

function named(error: unknown, path: string): never {
  if (error instanceof SwpError && error.failure.kind === 'content') throw new SwpError({ ...error.failure, path });
  throw error;
}

/** @throws SwpError of kind `content` with the artifact, the tensor, and what it has to be */
export default async function checkPruning({ input, optionalInput, output }: StageJob<unknown>): Promise<void> {
  const earlier = optionalInput('mask');
  const given = (await readSafetensors(input('weights'))).tensors as Weights;
  // Where it lies while the stage runs is of no use to anybody.
  const read = async (artifact: string) =>
    (await readSafetensors(output(artifact)).catch((error: unknown) => named(error, basename(output(artifact)))))
      .tensors;
  const mistake = pruningMistake({
    before: { weights: given, masks: earlier === undefined ? new Map() : await readMasks(earlier) },
    weights: await read('weights'),
    masks: await read('mask'),
    pruning: await readJsonArtifact(output('pruning'), 'schemas/artifacts/pruning.schema.json says what it holds.'),
  });
  if (mistake === undefined) return;
  const { artifact, message, remedy } = mistake;
  throw new SwpError({ kind: 'content', path: basename(output(artifact)), message, remedy });
}
