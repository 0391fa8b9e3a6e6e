/** Makes the file of weights of which only the mask is stored beside where they come from. */
import type { MakeArtifact } from '../../src/engine/stage.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readMaskedWeights } from '../../src/model/stored-tensors.ts';

export default (async (parts, path) => {
  await writeSafetensors(path, await readMaskedWeights(parts));
}) satisfies MakeArtifact;
