/** Runs plant-spikes: detection in one random model after the other, with and without planted spikes. */
import { writeJsonArtifact } from '../../src/base/json-artifact.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { PlantSpikesParams } from '../../src/generated/plant-spikes.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { useLanguageModel } from '../../src/model/create-language-model.ts';
import { BOS, MARKERS } from '../../src/model/marker-retrieval.ts';
import { tryRandomModel } from '../../src/science/finder-trials.ts';
import { RANDOM_MODELS_CORPUS, randomModelConfigs } from '../../src/science/random-models.ts';

export default async function plantSpikes({
  params,
  output,
  progress,
  signal,
}: StageJob<Required<PlantSpikesParams>>): Promise<Metrics> {
  const corpus = corpusOf({ corpus: RANDOM_MODELS_CORPUS });
  const draw = (stream: string, sequences: number) =>
    corpus.batch(params.seed, stream, 0, sequences, params.sequenceLength);
  const data = {
    spikes: draw('detect-candidates', params.candidateSequences),
    causal: draw('detect-causal', params.causalSequences),
    calibration: draw('plant-calibration', params.calibrationSequences),
    isOrdinary: (token: number, position: number) => corpus.isOrdinary(token, position),
    spiking: [BOS, ...MARKERS],
  };
  const trials = randomModelConfigs(params).flatMap((config) => params.schemes.map((scheme) => ({ config, scheme })));
  const models = [];
  for (const { config, scheme } of trials) {
    signal.throwIfAborted();
    const shape = { batch: params.batchSize, sequence: params.sequenceLength };
    models.push(
      await useLanguageModel(config, shape, CPU_TARGET, (model) =>
        tryRandomModel(model, config, data, {
          scheme,
          seed: params.seed,
          strengths: params.strengths,
          rule: { ...params, ablateLargest: 0 },
        }),
      ),
    );
    progress({ done: models.length, total: trials.length });
  }
  await writeJsonArtifact(output('planted'), { models });
  const planted = models.flatMap((model) => model.planted);
  return {
    models: models.length,
    planted: planted.length,
    located: planted.filter(({ located }) => located).length,
    candidates: planted.filter(({ candidate }) => candidate).length,
    falseCandidates: models.reduce((sum, { candidates }) => sum + candidates, 0),
    falselyConfirmed: models.reduce((sum, model) => sum + model.confirmed, 0),
  };
}
