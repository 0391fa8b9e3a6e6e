/** Runs load-pretrained: reads a checkpoint and makes sure that it is one. */
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { LoadPretrainedParams } from '../../src/generated/load-pretrained.ts';
import { useCorpus } from '../../src/model/corpora.ts';
import { learnedLoss } from '../../src/model/learned-weights.ts';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { checkpointRemedy } from '../../src/model/model-files.ts';
import { isPublished, openPublished, publishedWeights } from '../../src/model/open-published.ts';
import { readPublishedWeights } from '../../src/model/published-model.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { writePublished } from '../../src/model/stored-tensors.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';

export default async function loadPretrained({
  params: { model, checkpoint },
  optionalInput,
  output,
  log,
}: StageJob<Required<LoadPretrainedParams>>): Promise<Metrics> {
  const config = await readModelConfig(model);
  const published = isPublished(model);
  const path = published ? publishedWeights(model).files.at(-1)!.path : checkpointPath(model, checkpoint);
  const remedy = published ? publishedWeights(model).remedy : checkpointRemedy(model, checkpoint);
  const weights = published ? await readPublished(model, log) : await readModelWeights(path, config, remedy);
  const tokens = optionalInput('tokens');
  // Without a language and a text there is no sample to try them on, and nothing either that could be measured.
  const sampleLoss =
    config.corpus === undefined && tokens === undefined
      ? undefined
      : await useCorpus(config, tokens, (corpus) => learnedLoss(weights, config, path, remedy, corpus));
  if (published) await writePublished(output('weights'), weights, { config, files: publishedWeights(model).files });
  else await writeSafetensors(output('weights'), weights);
  return {
    ...(!published && { checkpoint }),
    ...(sampleLoss !== undefined && { sampleLoss }),
    parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0),
  };
}

async function readPublished(model: string, log: (line: string) => void): Promise<Weights> {
  const published = await openPublished(model);
  try {
    for (const note of published.notes) log(note);
    return await readPublishedWeights(published, publishedWeights(model).remedy);
  } finally {
    await published.close();
  }
}
