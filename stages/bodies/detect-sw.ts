/** Runs detect-sw: loads the model, draws the samples, searches and judges. */
import { largest } from '../../src/base/extremes.ts';
import { readJsonArtifact, writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { DetectSwParams } from '../../src/generated/detect-sw.ts';
import type { Pruning } from '../../src/generated/pruning.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { useCorpus } from '../../src/model/corpora.ts';
import { useLanguageModel } from '../../src/model/create-language-model.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { otherModelRemedy } from '../../src/model/model-files.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { publishedSuperWeights } from '../../src/science/published-super-weights.ts';
import { detectSuperWeights } from '../../src/science/super-weights.ts';

export default async function detectSw({
  params,
  input,
  optionalInput,
  output,
  progress,
  signal,
}: StageJob<Required<DetectSwParams>>): Promise<Metrics> {
  const config = await readModelConfig(params.model);
  const weights = await readModelWeights(input('weights'), config, otherModelRemedy('detect-sw', params.model));
  const data = await useCorpus(config, optionalInput('tokens'), (corpus) => {
    const draw = (stream: string, sequences: number) =>
      corpus.batch(params.seed, stream, 0, sequences, params.sequenceLength);
    return {
      spikes: draw('detect-candidates', params.candidateSequences),
      causal: draw('detect-causal', params.causalSequences),
      isOrdinary: (token: number, position: number) => corpus.isOrdinary(token, position),
    };
  });

  const referencePath = optionalInput('reference');
  const reference = referencePath === undefined ? undefined : await readJsonArtifact<SuperWeightReport>(referencePath);
  const pruningPath = optionalInput('pruning');
  const pruning = pruningPath === undefined ? undefined : await readJsonArtifact<Pruning>(pruningPath);
  const threshold = (tensor: string) =>
    pruning?.threshold ?? pruning?.tensors.find((entry) => entry.tensor === tensor)?.threshold ?? null;

  const shape = { batch: params.batchSize, sequence: params.sequenceLength };
  const report = await useLanguageModel(config, shape, params, (model) => {
    model.adopt(weights);
    return detectSuperWeights(model, data, params, {
      ...{ reference, threshold, signal, progress },
      published: publishedSuperWeights(config),
    });
  });
  await writeJsonArtifact(output('superWeights'), report);
  const { search, confirmed, candidates, survival } = report;
  return {
    confirmed: search === 'none' ? null : confirmed.length,
    place: confirmed[0] ? `layer ${confirmed[0].layer} [${confirmed[0].row}, ${confirmed[0].col}]` : null,
    topEffect: candidates.length === 0 ? null : largest(candidates.map(({ effect }) => effect)),
    referenceKept: survival.filter(({ kept }) => kept).length,
    referenceDisconnected: survival.filter(({ disconnected }) => disconnected).length,
    referenceFunctional: survival.filter(({ functional }) => functional).length,
    reference: survival.length,
  };
}
