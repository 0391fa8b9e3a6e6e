/** Runs load-pretrained: reads a checkpoint and makes sure that it is one. */
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { LoadPretrainedParams } from '../../src/generated/load-pretrained.ts';
import { learnedLoss } from '../../src/model/learned-weights.ts';
import { checkpointPath, isPublishedFolder, readModelConfig } from '../../src/model/model-config.ts';
import { modelFolder } from '../../src/model/model-folder.ts';
import { checkpointRemedy } from '../../src/model/model-files.ts';
import { openPublishedFolder, PUBLISHED_REMEDY } from '../../src/model/published-folder.ts';
import { readPublishedWeights } from '../../src/model/published-model.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';

export default async function loadPretrained({
  params: { model, checkpoint },
  output,
  log,
}: StageJob<Required<LoadPretrainedParams>>): Promise<Metrics> {
  const config = await readModelConfig(model);
  const [path, remedy] = [checkpointPath(model, checkpoint), checkpointRemedy(model, checkpoint)];
  const weights = isPublishedFolder(model)
    ? await publishedWeights(model, log)
    : await readModelWeights(path, config, remedy);
  // A model of no built-in language has no sample to be tried on here.
  const sampleLoss = config.corpus === undefined ? undefined : await learnedLoss(weights, config, path, remedy);
  await writeSafetensors(output('weights'), weights);
  return {
    checkpoint,
    ...(sampleLoss !== undefined && { sampleLoss }),
    parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0),
  };
}

async function publishedWeights(model: string, log: (line: string) => void): Promise<Weights> {
  const published = await openPublishedFolder(modelFolder(model));
  try {
    for (const note of published.notes) log(note);
    return await readPublishedWeights(published, PUBLISHED_REMEDY);
  } finally {
    await published.close();
  }
}
