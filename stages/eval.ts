/**
 * eval: validation on a fixed held-out stream that neither training nor detection reads. The same sequences serve every
 * run, so that differences between runs are paired.
 */
import schema from '../schemas/stages/eval.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { EvalParams } from '../src/generated/eval.ts';
import type { Evaluation } from '../src/generated/evaluation.ts';
import { configPath } from '../src/model/model-config.ts';

export default defineStage<Required<EvalParams>>({
  name: 'eval',
  summary: 'Validation loss and perplexity, loss by kind of token, retrieval accuracy.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to evaluate.' },
    original: { summary: 'Weights of the intact starting model, for restore: super-activation.', optional: true },
    reference: { summary: "The detection of the intact model's super weights, for restore: super-activation.", optional: true },
  },
  outputs: { evaluation: { summary: 'What was measured.', file: 'evaluation.json' } },

  resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
  watches: ({ model, engine }) => [configPath(model), ...enginePackageFiles(engine)],

  async fingerprint({ model, batchSize, sequenceLength, engine, device, precision }) {
    const { graphFingerprint } = await import('../src/model/graph-fingerprint.ts');
    return graphFingerprint('forward', model, { batch: batchSize, sequence: sequenceLength }, { engine, device, precision });
  },

  async run({ params, input, output, progress, signal }) {
    const { writeJsonArtifact } = await import('../src/json-artifact.ts');
    const { createLanguageModel } = await import('../src/model/create-language-model.ts');
    const { evaluate } = await import('../src/model/evaluate.ts');
    const { corpusOf } = await import('../src/model/corpora.ts');
    const { readModelConfig } = await import('../src/model/model-config.ts');
    const { isBlockMatrix } = await import('../src/model/tensor-name.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { sparsityOf } = await import('../src/science/pruning.ts');

    const config = await readModelConfig(params.model);
    const weights = await readModelWeights(input('weights'), config, `Check that eval.model, ${params.model}, is the model that was trained.`);
    const model = await createLanguageModel(config, { batch: params.batchSize, sequence: params.sequenceLength }, params);
    model.load(weights);
    const corpus = corpusOf(config);
    const tokens = corpus.batch(params.seed, 'eval', 0, params.sequences, params.sequenceLength);
    const measured = await evaluate(model, corpus, tokens, (done, total) => {
      signal.throwIfAborted();
      progress({ done, total });
    });
    const blocks = [...weights].filter(([name, { shape }]) => isBlockMatrix(name, shape)).map(([, tensor]) => tensor);
    const evaluation: Evaluation = { ...measured, sparsity: sparsityOf(blocks) };
    await writeJsonArtifact(output('evaluation'), evaluation);
    const { loss, standardError, perplexity, floor, retrievalAccuracy, sparsity } = evaluation;
    return { loss, standardError, perplexity, floor, retrievalAccuracy, sparsity };
  },
});
