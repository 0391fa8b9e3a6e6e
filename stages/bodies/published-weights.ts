/** Makes the file of a published model's weights of the model's own files. */
import type { MakeArtifact } from '../../src/engine/stage.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readPublishedParts } from '../../src/model/stored-tensors.ts';

export default (async (parts, path, settings) => {
  await writeSafetensors(path, await readPublishedParts(parts, settings));
}) satisfies MakeArtifact;
