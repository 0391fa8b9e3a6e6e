/** Runs rate-detector: reads what was gathered and writes the rates twice, as JSON and as tables. */
import { writeFile } from 'node:fs/promises';
import { readJsonArtifacts, writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { detectorRates } from '../../src/science/detector-rates.ts';
import { ratesTables } from '../../src/science/detector-rates-tables.ts';

export default async function rateDetector(job: StageJob<{ study: StudyDeclaration }>): Promise<Metrics> {
  const rates = detectorRates(job.params.study, {
    detections: await readJsonArtifacts(job.gathered('detections'), job.signal),
    evaluations: await readJsonArtifacts(job.gathered('evaluations'), job.signal),
    planted: await readJsonArtifacts(job.gathered('planted'), job.signal),
  });
  await writeJsonArtifact(job.output('rates'), rates);
  await writeFile(job.output('tables'), ratesTables(rates));
  return { experiments: rates.trained.length, plantedModels: rates.random?.models ?? 0 };
}
