/**
 * aggregate: gathers what every run of the study measured into one file, which the report renders.
 *
 * It runs over what exists: a failed run never blocks the report, and what it should have left is listed as missing.
 */
import schema from '../schemas/stages/aggregate.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { AggregateParams } from '../src/generated/aggregate.ts';
import { configPath } from '../src/model/model-config.ts';
import { namesFingerprint, pretrainingFingerprint } from '../src/model/model-fingerprint.ts';
import { recipePath } from '../src/model/pretraining.ts';
import { referenceProblems } from '../src/science/reference-sets.ts';
import { withModelLabels } from '../src/science/study-models.ts';

export default defineStage<Required<AggregateParams>>({
  name: 'aggregate',
  summary: 'Gathers the results of every run, complete or not, with their spreads and k of n.',
  params: schema,
  inputs: {
    curves: { summary: 'Loss curves of all trainings.', gather: true },
    prunings: { summary: 'What every prune did.', gather: true, writtenBy: 'prune' },
    evaluations: { summary: 'All evaluations.', gather: true, measured: true },
    superWeights: { summary: 'All detections.', gather: true, measured: true },
    sequenceLosses: {
      summary: 'Losses of every held-out sequence, for the sampling error of differences.',
      gather: true,
      optional: true,
    },
    masks: { summary: 'The masks of all prunes and rewinds.', gather: true, optional: true },
  },
  outputs: {
    results: { summary: 'Everything the report shows, with the keys of the nodes behind it.', file: 'results.json' },
  },

  problems: ({ study }) => referenceProblems(study),
  watches: ({ study }, root) =>
    [...withModelLabels(study, root).models.values()].flatMap((model) => [configPath(model), recipePath(model)]),
  inKey: ({ study }, root) => ({ study: withModelLabels(study, root).study as unknown as JsonObject }),
  async fingerprint({ study }, root) {
    const { models } = withModelLabels(study, root);
    return { ...(await namesFingerprint(models)), ...(await pretrainingFingerprint(models)) };
  },
  body: () => import('./bodies/aggregate.ts'),
});
