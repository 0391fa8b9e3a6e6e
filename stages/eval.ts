/**
 * eval: validation on a fixed held-out stream that neither training nor detection reads. The same sequences serve every
 * run, so that differences between runs are paired. It can put the super activations of the intact model back, which
 * tells what a super weight does through its activation from what it does otherwise (Yu et al. 2024).
 */
import schema from '../schemas/stages/eval.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { EvalParams } from '../src/generated/eval.ts';
import type { Evaluation } from '../src/generated/evaluation.ts';
import type { SuperWeightReport } from '../src/generated/super-weights.ts';
import { configPath } from '../src/model/model-config.ts';

export default defineStage<Required<EvalParams>>({
  name: 'eval',
  summary: 'Validation loss and perplexity, loss by kind of token, retrieval accuracy.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to evaluate.' },
    original: { summary: 'Weights of the intact starting model, for restore: super-activation.', optional: true },
    reference: {
      summary: "The detection of the intact model's super weights, for restore: super-activation.",
      optional: true,
    },
  },
  outputs: { evaluation: { summary: 'What was measured.', file: 'evaluation.json' } },

  resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
  watches: ({ model, engine }) => [configPath(model), ...enginePackageFiles(engine)],

  async fingerprint({ model, batchSize, sequenceLength, engine, device, precision, restore }) {
    const { graphFingerprint } = await import('../src/model/graph-fingerprint.ts');
    return graphFingerprint(
      restore === 'none' ? 'forward' : 'restored',
      model,
      { batch: batchSize, sequence: sequenceLength },
      { engine, device, precision },
    );
  },

  async work(params) {
    const { evaluationWork } = await import('../src/model/stage-work.ts');
    return evaluationWork(params);
  },

  async run({ params, input, optionalInput, output, progress, signal }) {
    const { readJsonArtifact, writeJsonArtifact } = await import('../src/base/json-artifact.ts');
    const { createLanguageModel } = await import('../src/model/create-language-model.ts');
    const { evaluate } = await import('../src/model/evaluate.ts');
    const { corpusOf } = await import('../src/model/corpora.ts');
    const { readModelConfig } = await import('../src/model/model-config.ts');
    const { isBlockMatrix } = await import('../src/model/tensor-name.ts');
    const { readModelWeights } = await import('../src/model/weights-file.ts');
    const { sparsityOf } = await import('../src/science/pruning.ts');
    const { SuperActivations } = await import('../src/science/super-activations.ts');

    const config = await readModelConfig(params.model);
    const read = (path: string) =>
      readModelWeights(path, config, `Check that eval.model, ${params.model}, is the model that was trained.`);
    const model = await createLanguageModel(
      config,
      { batch: params.batchSize, sequence: params.sequenceLength },
      params,
    );
    const corpus = corpusOf(config);
    const tokens = corpus.batch(params.seed, 'eval', 0, params.sequences, params.sequenceLength);
    /** What the intact model's super weights make of these very tokens. */
    const recordActivations = async () => {
      const [original, reference] = ['original', 'reference'].map((name) => {
        const path = optionalInput(name);
        if (path === undefined)
          throw new Error(
            `eval.restore: ${params.restore} needs the input \`${name}\`: connect it in the study, or restore nothing.`,
          );
        return path;
      }) as [string, string];
      model.load(await read(original));
      const { confirmed } = await readJsonArtifact<SuperWeightReport>(reference);
      return SuperActivations.record(model, tokens, confirmed, params.restoreShare, signal);
    };
    const activations = params.restore === 'none' ? undefined : await recordActivations();

    const weights = await read(input('weights'));
    model.load(weights);
    const onBatch = (done: number, total: number) => {
      signal.throwIfAborted();
      progress({ done, total });
    };
    const measured = await evaluate(model, corpus, tokens, onBatch, (index) => activations?.overrides(index) ?? []);
    const blocks = [...weights].filter(([name, { shape }]) => isBlockMatrix(name, shape)).map(([, tensor]) => tensor);
    const evaluation: Evaluation = {
      ...measured,
      sparsity: sparsityOf(blocks),
      ...(activations && { restored: activations.channels() }),
    };
    await writeJsonArtifact(output('evaluation'), evaluation);
    const { loss, standardError, perplexity, floor, retrievalAccuracy, sparsity } = evaluation;
    return { loss, standardError, perplexity, floor, retrievalAccuracy, sparsity };
  },
});
