/**
 * A study as a plan for bench/pytorch/study.py: each arm's steps in their order, with their parameters, and nothing of
 * what arms have in common. It follows from pipeline.json, as swp's own DAG does.
 */
import type { JsonObject } from '../src/base/json.ts';
import { learningRateAt, type LearningRateSchedule } from '../src/compute/training/learning-rate.ts';
import {
  BOS,
  FIRST_ORDINARY,
  MARKERS,
  ordinarySuccessors,
  QUERIES,
  VOCABULARY,
} from '../src/model/marker-retrieval.ts';
import { checkpointPath, readModelConfig } from '../src/model/model-config.ts';
import { expandRun, type StepInstance } from '../src/pipeline/expand.ts';
import { openDeclaration } from '../src/project/project.ts';

export interface StudyPlan {
  config: object;
  language: object;
  /** Whether trainings are compiled. */
  variant: 'eager' | 'compile';
  /** Kind of attention. */
  attention: string;
  processes: number;
  runs: { experiment: string; seed: number; operations: JsonObject[] }[];
}

/** Values of parameters that study.py does not have: with another one a study is refused. */
const ONLY: Record<string, JsonObject> = {
  train: { optimizerState: 'reset', mask: 'hold', microBatchSize: 0 },
  prune: { prunable: ['blocks'], coordinates: [] },
  eval: { restore: 'none' },
  'detect-sw': { search: 'spikes' },
};
const KNOWN = new Set(['load-pretrained', 'init', ...Object.keys(ONLY)]);

/**
 * @param pipeline path of pipeline.json
 * @throws Error if the study has what study.py does not
 */
export async function planStudy(
  pipeline: string,
  profile: string,
  settings: Pick<StudyPlan, 'variant' | 'attention' | 'processes'>,
): Promise<StudyPlan> {
  const { study } = await openDeclaration({ pipeline, profile });
  const model = [...new Set(study.experiments.map((experiment) => experiment.model))];
  if (model.length > 1) throw new Error(`${profile} has several models: ${model.join(', ')}`);
  const config = await readModelConfig(model[0]!);
  if (config.corpus !== 'marker-retrieval') throw new Error(`study.py has no language of ${model[0]}.`);
  return {
    config,
    language: {
      bos: BOS,
      markers: MARKERS,
      queries: QUERIES,
      firstOrdinary: FIRST_ORDINARY,
      vocabulary: VOCABULARY,
      successors: ordinarySuccessors().map((row) => [...row]),
    },
    ...settings,
    runs: study.experiments.flatMap((experiment) =>
      experiment.seeds.map((seed) => ({
        experiment: experiment.id,
        seed,
        operations: operationsOf(expandRun(study, experiment, seed)),
      })),
    ),
  };
}

function operationsOf(instances: readonly StepInstance[]): JsonObject[] {
  const loaded = instances.find(({ step }) => step.stage.name === 'load-pretrained')?.params;
  return instances.flatMap(({ step: { stage }, params, label }) => {
    if (!KNOWN.has(stage.name)) throw new Error(`study.py has no ${stage.name}, which is in ${label.experiment}.`);
    for (const [name, value] of Object.entries(ONLY[stage.name] ?? {}))
      if (JSON.stringify(params[name]) !== JSON.stringify(value))
        throw new Error(`study.py has no ${stage.name}.${name} ${JSON.stringify(params[name])} (${label.experiment}).`);
    switch (stage.name) {
      case 'load-pretrained':
        return [];
      case 'init':
        return [
          {
            ...{ stage: 'init', scheme: params.scheme! },
            checkpoint: loaded === undefined ? null : checkpointPath(String(loaded.model), Number(loaded.checkpoint)),
          },
        ];
      case 'train': {
        if (params.clipNorm === 0) throw new Error(`study.py has no training without clipping (${label.experiment}).`);
        const schedule = params as unknown as LearningRateSchedule;
        const learningRates = Array.from({ length: schedule.steps }, (_, step) => learningRateAt(step, schedule));
        return [{ ...params, stage: 'train', learningRates }];
      }
      default:
        return [{ ...params, stage: stage.name }];
    }
  });
}
