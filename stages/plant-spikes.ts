/**
 * plant-spikes: the detector's own error rates on random models. Nothing in them is a super weight; one spike is
 * planted, by falling and rising strength, and the finder must name its place. src/science/planting.ts has the method.
 */
import schema from '../schemas/stages/plant-spikes.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { PlantSpikesParams } from '../src/generated/plant-spikes.ts';

/** The language that the random models read. Their weights know nothing of it; it says where spikes sit. */
const CORPUS = 'marker-retrieval';

export default defineStage<Required<PlantSpikesParams>>({
  name: 'plant-spikes',
  summary: 'Plants spikes in random models and lets the detector look for them: its hit and false-alarm rates there.',
  params: schema,
  inputs: {},
  outputs: {
    planted: { summary: 'What was planted and what was found, model by model.', file: 'planted-spikes.json' },
  },

  watches: () => enginePackageFiles('onnx'),

  async fingerprint(params) {
    const { forwardFingerprint } = await import('../src/model/graph-fingerprint.ts');
    const { CPU_TARGET } = await import('../src/compute/runtimes/runtime.ts');
    const shape = { batch: params.batchSize, sequence: params.sequenceLength };
    return Promise.all((await configsOf(params)).map((config) => forwardFingerprint(config, shape, CPU_TARGET)));
  },

  async run({ params, output, progress, signal }) {
    const { CPU_TARGET } = await import('../src/compute/runtimes/runtime.ts');
    const { writeJsonArtifact } = await import('../src/base/json-artifact.ts');
    const { corpusOf } = await import('../src/model/corpora.ts');
    const { createLanguageModel } = await import('../src/model/create-language-model.ts');
    const { BOS, MARKERS } = await import('../src/model/marker-retrieval.ts');
    const { tryRandomModel } = await import('../src/science/finder-trials.ts');

    const corpus = corpusOf({ corpus: CORPUS });
    const draw = (stream: string, sequences: number) =>
      corpus.batch(params.seed, stream, 0, sequences, params.sequenceLength);
    const data = {
      spikes: draw('detect-candidates', params.candidateSequences),
      causal: draw('detect-causal', params.causalSequences),
      calibration: draw('plant-calibration', params.calibrationSequences),
      isOrdinary: (token: number) => corpus.isOrdinary(token),
      spiking: [BOS, ...MARKERS],
    };
    const trials = (await configsOf(params)).flatMap((config) => params.schemes.map((scheme) => ({ config, scheme })));
    const models = [];
    for (const { config, scheme } of trials) {
      signal.throwIfAborted();
      const model = await createLanguageModel(
        config,
        { batch: params.batchSize, sequence: params.sequenceLength },
        CPU_TARGET,
      );
      models.push(
        await tryRandomModel(model, config, data, {
          scheme,
          seed: params.seed,
          strengths: params.strengths,
          rule: { ...params, ablateLargest: 0 },
        }),
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
  },
});

async function configsOf(params: Required<PlantSpikesParams>) {
  const { randomModelConfigs } = await import('../src/science/finder-trials.ts');
  return randomModelConfigs(params, CORPUS, params.sequenceLength);
}
