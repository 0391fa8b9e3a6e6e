/**
 * Stages that work on a model: what they say and do is about the folder that a study's name of it means. Only the key
 * has the name itself.
 */
import type { StageDeclaration } from '../engine/stage.ts';
import { locateModel, modelProblems } from './model-folder.ts';

/**
 * A stage whose hooks and body get `model` as locateModel gives it. A name that is no model's is a problem of the
 * parameter, before anything else is asked.
 */
export function onModel<Params extends { model: string }>(stage: StageDeclaration<Params>): StageDeclaration<Params> {
  const located = (params: Params, root: string | undefined): Params => ({
    ...params,
    model: locateModel(params.model, root),
  });
  const { files, problems, fingerprint, watches, work, body } = stage;
  return {
    ...stage,
    ...(files && { files: (params, root) => files(located(params, root), root) }),
    problems: async (params, connected, root) => {
      const unknown = modelProblems(params.model, root);
      return unknown.length > 0 ? unknown : ((await problems?.(located(params, root), connected, root)) ?? []);
    },
    ...(fingerprint && { fingerprint: (params, root) => fingerprint(located(params, root), root) }),
    ...(watches && { watches: (params, root) => watches(located(params, root), root) }),
    ...(work && { work: (params, root) => work(located(params, root), root) }),
    body: async () => {
      const { default: run } = await body();
      return { default: (job) => run({ ...job, params: located(job.params, job.root) }) };
    },
  };
}
