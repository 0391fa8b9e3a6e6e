/**
 * Whether weights have learned anything. A random model predicts no better than guessing uniformly, at ln V nats per
 * token of a vocabulary of V; a file of random weights under a checkpoint's name has the right shapes, and only this
 * shows it.
 */
import { log } from '../base/stated-math.ts';
import { CPU_TARGET } from '../compute/runtimes/runtime.ts';
import { SwpError } from '../base/failure.ts';
import { decimal } from '../base/number-text.ts';
import { useLanguageModel } from './create-language-model.ts';
import type { ModelConfig } from './decoder/family.ts';
import type { Weights } from './language-model.ts';
import { learnedSample } from './learned-sample.ts';
import { corpusOf } from './corpora.ts';
import type { Corpus } from './corpus.ts';

/**
 * Nats per token below ln V that count as learned. Random weights stay within a few hundredths of ln V, or are above
 * it; what a language's token frequencies alone give away is more than this.
 */
const LEARNED = 0.1;
const SEED = 20_241;

/**
 * The loss of a checkpoint on a small sample that nothing else reads.
 * @param path where the weights come from
 * @param remedy what to do if they have learned nothing
 * @param corpus what the sample is of
 * @returns nats per token
 * @throws SwpError of kind `content` if the weights predict no better than random ones do
 */
export async function learnedLoss(
  weights: Weights,
  config: ModelConfig,
  path: string,
  remedy: string,
  corpus: Corpus = corpusOf(config),
): Promise<number> {
  const sample = learnedSample(config);
  const losses = await useLanguageModel(config, sample, CPU_TARGET, (model) => {
    model.adopt(weights);
    return model.losses(corpus.batch(SEED, 'pretrained-check', 0, sample.batch, sample.sequence));
  });
  const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
  const guessing = log(config.vocabulary);
  if (loss <= guessing - LEARNED) return loss;
  if (!Number.isFinite(loss))
    throw new SwpError({
      kind: 'content',
      path,
      message: `These weights are too large: the loss is ${loss}`,
      remedy,
    });
  throw new SwpError({
    kind: 'content',
    path,
    message: `These weights have learned nothing: ${decimal(loss, 3, [guessing])} nats per token, where guessing uniformly among ${config.vocabulary} tokens costs ${decimal(guessing, 3, [loss])}. An arm that starts from them would not be pretrained`,
    remedy,
  });
}
