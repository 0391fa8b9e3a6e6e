/**
 * eval: validation on a fixed held-out stream that neither training nor detection reads. The same sequences serve every
 * run, so that differences between runs are paired. It can put the super activations of the intact model back, which
 * tells what a super weight does through its activation from what it does otherwise (Yu et al. 2024).
 */
import schema from '../schemas/stages/eval.schema.json' with { type: 'json' };
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { EvalParams } from '../src/generated/eval.ts';
import { graphFingerprint } from '../src/model/graph-fingerprint.ts';
import { tensorsFingerprint } from '../src/model/model-fingerprint.ts';
import { evaluationWork, fittingPass, evaluationMemory } from '../src/science/stage-work.ts';
import { evaluationProblems } from '../src/science/param-problems.ts';
import { onModel } from '../src/model/model-stage.ts';

export default defineStage(
  onModel<Required<EvalParams>>({
    name: 'eval',
    summary: 'Validation loss and perplexity, loss above the language, by kind of token, retrieval accuracy.',
    params: schema,
    inputs: {
      weights: { summary: 'Weights to evaluate.', virtual: true },
      tokens: {
        summary: 'The token ids of a text; without them, the language that the model is made for.',
        optional: true,
      },
      original: {
        summary: 'Weights of the intact starting model, for restore: super-activation.',
        optional: true,
        virtual: true,
      },
      reference: {
        summary: "The detection of the intact model's super weights, for restore: super-activation.",
        optional: true,
      },
    },
    outputs: {
      evaluation: { summary: 'What was measured.', file: 'evaluation.json' },
      sequenceLosses: {
        summary: 'The loss of every held-out sequence: what differences between evaluations are paired by.',
        file: 'sequence-losses.safetensors',
      },
    },

    resources: ({ device }) => ({ gpus: device === 'cuda' ? 1 : 0 }),
    watches: ({ engine }) => enginePackageFiles(engine),

    problems: evaluationProblems,
    async fingerprint({ model, batchSize, sequenceLength, restore, ...target }) {
      const shape = { batch: batchSize, sequence: sequenceLength };
      return {
        ...(await graphFingerprint(restore === 'none' ? 'forward' : 'restored', model, shape, target)),
        ...(await tensorsFingerprint(model, ['role'])),
      };
    },
    work: evaluationWork,
    memory: evaluationMemory,
    fitting: (params, bytes) => fittingPass('eval', params, evaluationMemory, bytes),
    body: () => import('./bodies/eval.ts'),
  }),
);
