/** Runs rate-detector: reads what was gathered and writes the rates twice, as JSON and as tables. */
import { writeFile } from 'node:fs/promises';
import { writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { detectorRates } from '../../src/science/detector-rates.ts';
import { ratesTables } from '../../src/science/detector-rates-tables.ts';
import { readPieces } from '../../src/science/results/gathered-pieces.ts';

export default async function rateDetector(job: StageJob<{ study: StudyDeclaration }>): Promise<Metrics> {
  const rates = detectorRates(job.params.study, {
    detections: await readPieces(job, 'detections'),
    evaluations: await readPieces(job, 'evaluations'),
    planted: await readPieces(job, 'planted'),
  });
  await writeJsonArtifact(job.output('rates'), rates);
  await writeFile(job.output('tables'), ratesTables(rates));
  return { experiments: rates.trained.length, plantedModels: rates.random?.models ?? 0 };
}
