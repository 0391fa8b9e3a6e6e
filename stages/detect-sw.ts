/**
 * detect-sw: the super weights of one set of weights, and what became of the reference ones. Spikes are sought on one
 * sample, zeroing is judged on another, and neither is what eval reports on. src/science/super-weights.ts has the
 * method.
 */
import schema from '../schemas/stages/detect-sw.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { DetectSwParams } from '../src/generated/detect-sw.ts';
import type { Pruning } from '../src/generated/pruning.ts';
import type { SuperWeightReport } from '../src/generated/super-weights.ts';
import { configPath } from '../src/model/model-config.ts';

export default defineStage<Required<DetectSwParams>>({
  name: 'detect-sw',
  summary: 'Finds super weights: activation spikes that pass a causal test against matched controls.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to search.' },
    reference: {
      summary: 'The detection whose confirmed super weights are followed; without it this one is its own.',
      optional: true,
    },
    pruning: { summary: "The last prune's outcome: the thresholds behind the margins.", optional: true },
  },
  outputs: {
    superWeights: {
      summary: 'Candidates, causal tests, confirmed super weights, survival of the reference.',
      file: 'super-weights.json',
    },
  },

  resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
  watches: ({ model, engine }) => [configPath(model), ...enginePackageFiles(engine)],

  async fingerprint({ model, batchSize, sequenceLength, engine, device, precision }) {
    const { graphFingerprint } = await import('../src/model/graph-fingerprint.ts');
    return graphFingerprint(
      'forward',
      model,
      { batch: batchSize, sequence: sequenceLength },
      { engine, device, precision },
    );
  },

  async work(params) {
    const { detectionWork } = await import('../src/model/stage-work.ts');
    return detectionWork(params);
  },

  async run({ params, input, optionalInput, output, signal }) {
    const { readJsonArtifact, writeJsonArtifact } = await import('../src/base/json-artifact.ts');
    const { createLanguageModel } = await import('../src/model/create-language-model.ts');
    const { corpusOf } = await import('../src/model/corpora.ts');
    const { readModelConfig } = await import('../src/model/model-config.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { detectSuperWeights } = await import('../src/science/super-weights.ts');

    const config = await readModelConfig(params.model);
    const model = await createLanguageModel(
      config,
      { batch: params.batchSize, sequence: params.sequenceLength },
      params,
    );
    model.load(
      await readModelWeights(
        input('weights'),
        config,
        `Check that detect-sw.model, ${params.model}, is the model that was trained.`,
      ),
    );
    const corpus = corpusOf(config);
    const draw = (stream: string, sequences: number) =>
      corpus.batch(params.seed, stream, 0, sequences, params.sequenceLength);
    const data = {
      spikes: draw('detect-candidates', params.candidateSequences),
      causal: draw('detect-causal', params.causalSequences),
      isOrdinary: (token: number) => corpus.isOrdinary(token),
    };

    const referencePath = optionalInput('reference');
    const reference =
      referencePath === undefined ? undefined : await readJsonArtifact<SuperWeightReport>(referencePath);
    const pruningPath = optionalInput('pruning');
    const pruning = pruningPath === undefined ? undefined : await readJsonArtifact<Pruning>(pruningPath);
    const threshold = (tensor: string) =>
      pruning?.threshold ?? pruning?.tensors.find((entry) => entry.tensor === tensor)?.threshold ?? null;

    const report = await detectSuperWeights(model, data, params, { reference, threshold, signal });
    await writeJsonArtifact(output('superWeights'), report);
    const { confirmed, candidates, survival } = report;
    return {
      confirmed: confirmed.length,
      place: confirmed[0] ? `layer ${confirmed[0].layer} [${confirmed[0].row}, ${confirmed[0].col}]` : null,
      topEffect: Math.max(...candidates.map(({ effect }) => effect)),
      referenceKept: survival.filter(({ kept }) => kept).length,
      referenceFunctional: survival.filter(({ functional }) => functional).length,
      reference: survival.length,
    };
  },
});
