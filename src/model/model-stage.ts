/**
 * Stages that work on a model: what they say and do is about the place that a study's name of it means, and keys hold
 * the configuration that is there.
 */
import type { JsonObject } from '../base/json.ts';
import type { StageDeclaration } from '../engine/stage.ts';
import { readModelConfig } from './model-config.ts';
import { configFile } from './model-files.ts';
import { locateModel, modelProblems } from './model-name.ts';
import { isLargeModel } from './model-size.ts';

/**
 * A stage whose hooks and body get `model` as locateModel gives it, and which reads the model's configuration. A name
 * that is no model's is a problem of the parameter, before anything else is asked.
 */
export function onModel<Params extends { model: string }>(stage: StageDeclaration<Params>): StageDeclaration<Params> {
  const located = (params: Params, root: string | undefined): Params => ({
    ...params,
    model: locateModel(params.model, root),
  });
  const { files, problems, inKey, fingerprint, watches, work, memory, fitting, disk, body } = stage;
  return {
    ...stage,
    files: async (params, root) => {
      const own = located(params, root);
      const config = configFile(own.model);
      const others = (await files?.(own, root)) ?? [];
      return others.some(({ path }) => path === config.path) ? others : [config, ...others];
    },
    inKey: async (params, root) => {
      const own = located(params, root);
      const model = { ...(await readModelConfig(own.model)) } as JsonObject;
      return { model, ...(await inKey?.(own, root)) };
    },
    problems: async (params, connected, root) => {
      const unknown = modelProblems(params.model, root);
      return unknown.length > 0 ? unknown : ((await problems?.(located(params, root), connected, root)) ?? []);
    },
    isLarge: (model, root) => isLargeModel(locateModel(model, root)),
    ...(fingerprint && { fingerprint: (params, root) => fingerprint(located(params, root), root) }),
    ...(watches && { watches: (params, root) => watches(located(params, root), root) }),
    ...(work && { work: (params, root) => work(located(params, root), root) }),
    ...(memory && { memory: (params, root) => memory(located(params, root), root) }),
    ...(fitting && { fitting: (params, bytes, root) => fitting(located(params, root), bytes, root) }),
    ...(disk && { disk: (params, root, unwanted) => disk(located(params, root), root, unwanted) }),
    body: async () => {
      const { default: run } = await body();
      return { default: (job) => run({ ...job, params: located(job.params, job.root) }) };
    },
  };
}
