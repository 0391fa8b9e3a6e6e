/** Runs aggregate: reads what was gathered, and the masks one after the other. */
import { readJsonArtifacts, writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { AggregateParams } from '../../src/generated/aggregate.ts';
import { tensorsIfKnown } from '../../src/model/model-fingerprint.ts';
import { pretrainingSteps } from '../../src/model/pretraining.ts';
import { readSequenceLosses } from '../../src/model/sequence-losses.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import { maskFindings, type MaskPiece } from '../../src/science/results/mask-findings.ts';
import { withSamplingErrors, type SequenceLossesOf } from '../../src/science/results/sampling-error.ts';
import type { StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { withModelLabels, type LabelledStudy } from '../../src/science/study-models.ts';
import { studyTensors, withKinds } from '../../src/science/results/study-tensors.ts';

export default async function aggregate(job: StageJob<Required<AggregateParams>>): Promise<Metrics> {
  const { study, models } = withModelLabels(job.params.study, job.root);
  const tensors = await studyTensors(study, (model) => tensorsIfKnown(models.get(model)!));
  const pieces: StudyPieces = {
    curves: await readJsonArtifacts(job.gathered('curves'), job.signal),
    prunings: await readJsonArtifacts(job.gathered('prunings'), job.signal),
    evaluations: await readJsonArtifacts(job.gathered('evaluations'), job.signal),
    superWeights: withKinds(await readJsonArtifacts(job.gathered('superWeights'), job.signal), tensors),
  };
  const computations = studyComputations(study, pieces);
  const masks = await maskFindings(study, maskPieces(job), computations, tensors);
  const results = await withSamplingErrors(
    studyResults(study, pieces, masks, computations, await pretrainedSteps(models)),
    sequenceLossesOf(job),
  );
  await writeJsonArtifact(job.output('results'), results);
  const incomplete = results.runs.filter(({ status }) => status === 'incomplete');
  for (const { missing } of incomplete)
    for (const { place, artifact } of missing) job.log(`missing: ${artifact} of ${place}`);
  return { runs: results.runs.length, incomplete: incomplete.length, experiments: results.experiments.length };
}

/** Training steps of the models' checkpoints, by what the study calls the models; unknown ones are left out. */
async function pretrainedSteps(models: LabelledStudy['models']): Promise<Map<string, number>> {
  const steps = new Map<string, number>();
  for (const [label, model] of models) {
    const known = await pretrainingSteps(model);
    if (known !== undefined) steps.set(label, known);
  }
  return steps;
}

/** Reads what an evaluation lost on every sequence; nothing where the study does not gather it. */
function sequenceLossesOf(job: StageJob<unknown>): SequenceLossesOf {
  const paths = new Map(job.gathered('sequenceLosses').map(({ key, path }) => [key, path]));
  return async (key) => {
    const path = paths.get(key);
    job.signal.throwIfAborted();
    return path === undefined ? undefined : readSequenceLosses(path);
  };
}

/** The gathered masks, not yet read; none where the study gathers none. */
function maskPieces(job: StageJob<unknown>): MaskPiece[] {
  return job.gathered('masks').map(({ label, artifact, key, path }) => ({
    label,
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
