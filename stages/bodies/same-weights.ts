/** Makes the file of weights that are those of another artifact. */
import type { MakeArtifact } from '../../src/engine/stage.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { readStoredTensors } from '../../src/model/stored-tensors.ts';

export default (async (parts, path) => {
  await writeSafetensors(path, (await readStoredTensors(parts.weights!)).tensors);
}) satisfies MakeArtifact;
