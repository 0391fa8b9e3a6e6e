/**
 * detect-sw: the super weights of one set of weights, and what became of the reference ones. Spikes are sought on one
 * sample, zeroing is judged on another, and neither is what eval reports on. src/science/super-weights.ts has the
 * method.
 */
import schema from '../schemas/stages/detect-sw.schema.json' with { type: 'json' };
import type { JsonObject } from '../src/base/json.ts';
import { enginePackageFiles } from '../src/compute/runtimes/engine-version.ts';
import { defineStage } from '../src/engine/stage.ts';
import type { DetectSwParams } from '../src/generated/detect-sw.ts';
import { graphFingerprint } from '../src/model/graph-fingerprint.ts';
import { readModelConfig } from '../src/model/model-config.ts';
import { detectionFingerprint } from '../src/model/model-fingerprint.ts';
import { detectionMemory, detectionWork, fittingPass } from '../src/science/stage-work.ts';
import { publishedSuperWeights } from '../src/science/published-super-weights.ts';
import { detectionProblems } from '../src/science/param-problems.ts';
import { onModel } from '../src/model/model-stage.ts';

/** What has been published of models of this shape: in the key where there is something, so that it can be added to. */
async function publishedFingerprint(model: string): Promise<JsonObject> {
  const published = publishedSuperWeights(await readModelConfig(model));
  return published.length === 0 ? {} : { published: published.map((each) => ({ ...each })) };
}

export default defineStage(
  onModel<Required<DetectSwParams>>({
    name: 'detect-sw',
    summary: 'Finds super weights: activation spikes that pass a causal test against matched controls.',
    params: schema,
    inputs: {
      weights: { summary: 'Weights to search.', virtual: true },
      tokens: {
        summary: 'The token ids of a text; without them, the language that the model is made for.',
        optional: true,
      },
      reference: {
        summary:
          'The detection whose confirmed super weights are followed; without it this one is its own. Where nothing is sought, it has to be there.',
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
    watches: ({ engine }) => enginePackageFiles(engine),

    problems: detectionProblems,
    async fingerprint({ model, batchSize, sequenceLength, ...target }) {
      const shape = { batch: batchSize, sequence: sequenceLength };
      return {
        ...(await graphFingerprint('layered', model, shape, target)),
        ...(await detectionFingerprint(model)),
        ...(await publishedFingerprint(model)),
      };
    },
    work: detectionWork,
    memory: detectionMemory,
    fitting: (params, bytes) => fittingPass('detect-sw', params, detectionMemory, bytes),
    body: () => import('./bodies/detect-sw.ts'),
  }),
);
