/**
 * aggregate: gathers what every run of the study measured into one file, which the report renders.
 *
 * It runs over what exists: a failed run never blocks the report, and what it should have left is listed as missing.
 */
import { writeFile } from 'node:fs/promises';
import schema from '../schemas/stages/aggregate.schema.json' with { type: 'json' };
import { defineStage, type StageJob } from '../src/engine/stage.ts';
import type { AggregateParams } from '../src/generated/aggregate.ts';
import type { MaskPiece } from '../src/science/results/mask-findings.ts';

export default defineStage<Required<AggregateParams>>({
  name: 'aggregate',
  summary: 'Gathers the results of every run, complete or not, with their spreads and k of n.',
  params: schema,
  inputs: {
    curves: { summary: 'Loss curves of all trainings.', gather: true },
    prunings: { summary: 'What every prune did.', gather: true },
    evaluations: { summary: 'All evaluations.', gather: true },
    superWeights: { summary: 'All detections.', gather: true },
    masks: { summary: 'The masks of all prunes and rewinds.', gather: true, optional: true },
  },
  outputs: {
    results: { summary: 'Everything the report shows, with the keys of the nodes behind it.', file: 'results.json' },
  },

  async run(job) {
    const { default: canonicalize } = await import('canonicalize');
    const { readPieces } = await import('../src/science/results/gathered-pieces.ts');
    const { studyResults } = await import('../src/science/results/study-results.ts');
    const { maskFindings } = await import('../src/science/results/mask-findings.ts');
    const { study } = job.params;
    const results = studyResults(
      study,
      {
        curves: await readPieces(job, 'curves'),
        prunings: await readPieces(job, 'prunings'),
        evaluations: await readPieces(job, 'evaluations'),
        superWeights: await readPieces(job, 'superWeights'),
      },
      await maskFindings(study, await maskPieces(job)),
    );
    await writeFile(job.output('results'), `${canonicalize(results)}\n`);
    const incomplete = results.runs.filter(({ status }) => status === 'incomplete');
    for (const { missing } of incomplete)
      for (const { place, artifact } of missing) job.log(`missing: ${artifact} of ${place}`);
    return { runs: results.runs.length, incomplete: incomplete.length, experiments: results.experiments.length };
  },
});

/** The gathered masks, not yet read; none where the study gathers none. */
async function maskPieces(job: StageJob<unknown>): Promise<MaskPiece[]> {
  const { readMasks } = await import('../src/model/weights-file.ts');
  return job.gathered('masks').map(({ label, stage, artifact, key, path }) => ({
    label,
    stage,
    artifact,
    key,
    content:
      path === undefined
        ? undefined
        : () => {
            job.signal.throwIfAborted();
            return readMasks(path);
          },
  }));
}
