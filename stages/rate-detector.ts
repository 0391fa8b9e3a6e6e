/**
 * rate-detector: how often the detector errs, from detections in trained models of several kinds and in random models
 * with planted spikes. The same numbers come as JSON and as tables to read.
 */
import schema from '../schemas/stages/rate-detector.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { StudyDeclaration } from '../src/generated/aggregate.ts';

export default defineStage<{ study: StudyDeclaration }>({
  name: 'rate-detector',
  summary: "The detector's hit and false-alarm rates, with exact intervals.",
  params: schema,
  inputs: {
    detections: { summary: 'Detections in trained models.', gather: true },
    evaluations: { summary: 'Evaluations of the same models.', gather: true },
    planted: { summary: 'Trials with planted spikes.', gather: true, optional: true },
  },
  outputs: {
    rates: { summary: 'Every rate with k, n and its interval, and every run behind it.', file: 'detector-rates.json' },
    tables: { summary: 'The same as Markdown.', file: 'detector-rates.md' },
  },

  body: () => import('./bodies/rate-detector.ts'),
});
