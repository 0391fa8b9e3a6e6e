/** Runs eval: one pass over the held-out sequences, with super activations put back where that is asked for. */
import { readJsonArtifact, writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { EvalParams } from '../../src/generated/eval.ts';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { useCorpus } from '../../src/model/corpora.ts';
import { useLanguageModel } from '../../src/model/create-language-model.ts';
import type { Corpus } from '../../src/model/corpus.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import { evaluate, type EvaluatedSequences } from '../../src/model/evaluate.ts';
import type { LanguageModel } from '../../src/model/language-model.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { otherModelRemedy } from '../../src/model/model-files.ts';
import { writeSequenceLosses } from '../../src/model/sequence-losses.ts';
import { blockMatrices } from '../../src/model/block-matrices.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { sparsityOf } from '../../src/science/sparsity.ts';
import { SuperActivations } from '../../src/science/super-activations.ts';

export default async function evaluateWeights(job: StageJob<Required<EvalParams>>): Promise<Metrics> {
  const { params, optionalInput, output } = job;
  const config = await readModelConfig(params.model);
  const shape = { batch: params.batchSize, sequence: params.sequenceLength };
  const { evaluation, sequenceLosses, tokens } = await useCorpus(config, optionalInput('tokens'), (corpus) =>
    useLanguageModel(config, shape, params, (model) => measure(model, config, corpus, job)),
  );
  await writeJsonArtifact(output('evaluation'), evaluation);
  await writeSequenceLosses(output('sequenceLosses'), sequenceLosses, tokens);
  const { loss, standardError, perplexity, floor, excess, excessStandardError, retrievalAccuracy, sparsity } =
    evaluation;
  // Of a text there is no more to tell: what a language gives away of itself is known of none.
  return floor === null
    ? { loss, standardError, perplexity, sparsity }
    : { loss, standardError, perplexity, floor, excess, excessStandardError, retrievalAccuracy, sparsity };
}

interface Measured extends EvaluatedSequences {
  evaluation: Evaluation;
  tokens: Int32Array;
}

async function measure(
  model: LanguageModel,
  config: ModelConfig,
  corpus: Corpus,
  { params, input, optionalInput, progress, signal }: StageJob<Required<EvalParams>>,
): Promise<Measured> {
  const read = (path: string) => readModelWeights(path, config, otherModelRemedy('eval', params.model));
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
    model.adopt(await read(original));
    const { confirmed } = await readJsonArtifact<SuperWeightReport>(reference);
    return SuperActivations.record(model, tokens, confirmed, params.restoreShare, signal);
  };
  const activations = params.restore === 'none' ? undefined : await recordActivations();

  const weights = await read(input('weights'));
  model.adopt(weights);
  const onBatch = (done: number, total: number) => {
    signal.throwIfAborted();
    progress({ done, total });
  };
  const { evaluation, sequenceLosses } = await evaluate(
    model,
    corpus,
    tokens,
    onBatch,
    (index) => activations?.overrides(index) ?? [],
  );
  const blocks = blockMatrices(model.tensors).map((name) => weights.get(name)!);
  return {
    evaluation: {
      ...evaluation,
      sparsity: sparsityOf(blocks),
      ...(activations && { restored: activations.channels() }),
    },
    sequenceLosses,
    tokens,
  };
}
