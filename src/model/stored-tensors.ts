/** Tensors in files, whole or virtual: those of a virtual file are read from its parts. */
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { quoted } from '../base/nearest-name.ts';
import { readVirtualFile, writeVirtualFile } from '../base/virtual-file.ts';
import type { Masks, MemoryFor, Tensor, Weights } from './language-model.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import type { ModelConfig } from './decoder/family.ts';
import { readMasks } from './mask-file.ts';
import { openPublishedFiles } from './open-published.ts';
import { readPublishedWeights, type PublishedModel } from './published-model.ts';
import {
  digestSafetensors,
  readSafetensors,
  readTensorNames,
  refuseNonFinite,
  writeSafetensors,
  type SafetensorsFile,
} from './safetensors.ts';

/** The form of weights that are others with every pruned one 0. */
export const MASKED_WEIGHTS = 'masked-weights';
/** The form of weights that the files of a published model have. */
const PUBLISHED_WEIGHTS = 'published-weights';
/** The form of weights that are those of the only part. */
const SAME_WEIGHTS = 'same-weights';

/**
 * Reads a safetensors file, or what a virtual file stands for.
 * @param memoryFor fresh memory by default
 * @throws SwpError as readSafetensors does
 */
export async function readStoredTensors(path: string, memoryFor?: MemoryFor): Promise<SafetensorsFile> {
  const virtual = await readVirtualFile(path);
  if (virtual === undefined) return readSafetensors(path, memoryFor);
  const read = FORMS.get(virtual.form);
  if (read === undefined)
    throw new SwpError({
      kind: 'content',
      path,
      message: `This swp knows no form of weights ${quoted(virtual.form)}`,
      remedy: 'A later swp wrote it: use that one.',
    });
  return { tensors: await read(virtual.parts, virtual.settings ?? {}, memoryFor), metadata: {} };
}

/** The names of the tensors, in the order in which readStoredTensors gives them. */
async function storedNames(path: string): Promise<string[]> {
  const virtual = await readVirtualFile(path);
  if (virtual === undefined) return readTensorNames(path);
  if (virtual.form !== PUBLISHED_WEIGHTS) return storedNames(virtual.parts.weights!);
  const model = await openPublishedFiles(virtual.parts, configIn(virtual.settings));
  await model.close();
  return [...parameterShapes(model.config).keys()];
}

/** Weights of which the mask hides some. @param parts paths of `weights`, which may be virtual, and of `mask` */
export async function readMaskedWeights(
  parts: Record<string, string>,
  memoryFor?: MemoryFor,
): Promise<Map<string, Tensor>> {
  const { tensors } = await readStoredTensors(parts.weights!, memoryFor);
  for (const [name, { data }] of await readMasks(parts.mask!)) hide(tensors.get(name)!.data, data);
  return tensors;
}

/**
 * The weights of a published model.
 * @param parts the files of its weights, by the names that they are published under
 * @param settings its configuration
 */
export async function readPublishedParts(
  parts: Record<string, string>,
  settings: JsonObject,
  memoryFor?: MemoryFor,
): Promise<Map<string, Tensor>> {
  const model = await openPublishedFiles(parts, configIn(settings));
  try {
    return await readPublishedWeights(model, 'Fetch the model again.', memoryFor);
  } finally {
    await model.close();
  }
}

function configIn(settings: JsonObject | undefined): ModelConfig {
  return settings?.config as unknown as ModelConfig;
}

/** How the tensors of each form of virtual file are read from its parts. */
const FORMS = new Map<
  string,
  (parts: Record<string, string>, settings: JsonObject, memoryFor?: MemoryFor) => Promise<SafetensorsFile['tensors']>
>([
  [MASKED_WEIGHTS, (parts, _, memoryFor) => readMaskedWeights(parts, memoryFor)],
  [PUBLISHED_WEIGHTS, readPublishedParts],
  [SAME_WEIGHTS, async ({ weights }, _, memoryFor) => (await readStoredTensors(weights!, memoryFor)).tensors],
]);

/** Writes a virtual file in the place of a published model's weights: its files have them. */
export async function writePublished(
  path: string,
  weights: Weights,
  { files, config }: Pick<PublishedModel, 'files' | 'config'>,
): Promise<void> {
  const parts = Object.fromEntries(files.map((file) => [file.name, file.path]));
  const settings: JsonObject = { config: { ...config } as JsonObject };
  const made = digestSafetensors(weights);
  await writeVirtualFile(path, { form: PUBLISHED_WEIGHTS, stage: 'load-pretrained', ...made, parts, settings });
}

/** Writes weights that are those of an input: as a virtual file where that one is virtual, too. */
export async function writeSameWeights(path: string, weights: Weights, input: string): Promise<void> {
  const virtual = await readVirtualFile(input);
  const isSame = virtual !== undefined && (await storedNames(input)).join('\n') === [...weights.keys()].join('\n');
  if (!isSame) return writeSafetensors(path, weights);
  const { sha256, bytes } = virtual;
  await writeVirtualFile(path, { form: SAME_WEIGHTS, stage: 'init', sha256, bytes, parts: { weights: input } });
}

/**
 * Writes weights under masks as a virtual file, which says what the file with the masked weights would be. Where the
 * tensors of the part `weights` lie in another order, it writes that file.
 * @param made.stage that declares the form
 * @param made.weights as they are in the part `weights`: every tensor of the model
 * @param made.parts paths of the weights and of the masks
 */
export async function writeMaskedWeights(
  path: string,
  {
    stage,
    weights,
    masks,
    parts,
  }: { stage: string; weights: Weights; masks: Masks; parts: { weights: string; mask: string } },
): Promise<void> {
  const masked = (name: string, data: Tensor['data']) => {
    const mask = masks.get(name)?.data;
    return mask === undefined ? data : hide(data.slice(), mask);
  };
  if ((await storedNames(parts.weights)).join('\n') !== [...weights.keys()].join('\n')) {
    const all = [...weights].map(([name, { shape, data }]): [string, Tensor] => [
      name,
      { shape, data: masked(name, data) },
    ]);
    return writeSafetensors(path, new Map(all));
  }
  const made = digestSafetensors(weights, {}, masked);
  await writeVirtualFile(path, { form: MASKED_WEIGHTS, stage, ...made, parts });
}

/** Writes a virtual file without parts: the digest of tensors that are not kept. Takes what writeSafetensors takes. */
export async function writeDigest(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string>,
  remedy?: string,
): Promise<void> {
  refuseNonFinite(tensors, remedy);
  await writeVirtualFile(path, { form: 'none', stage: '', ...digestSafetensors(tensors, metadata), parts: {} });
}

/** Makes pruned weights exactly 0, never -0, in place. */
function hide<Data extends Tensor['data']>(data: Data, mask: Uint8Array): Data {
  for (let index = 0; index < data.length; index++) if (mask[index] === 0) data[index] = 0;
  return data;
}
