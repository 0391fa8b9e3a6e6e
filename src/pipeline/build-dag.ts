/** Turns a study into its DAG: every run is written out, and the engine merges what runs have in common. */
import { quoted } from '../base/nearest-name.ts';
import { DagBuilder, type AcceptCode, type Dag } from '../engine/dag-builder.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { GatheredRef } from '../engine/node.ts';
import { placeOf, type NodeLabel } from '../engine/stage.ts';
import { SwpError } from '../base/failure.ts';
import type { StageLoader } from '../engine/stage-loader.ts';
import { declareStudy } from './declaration.ts';
import { expandRun, type StepInstance } from './expand.ts';
import { placeOfInput, placeOfParam } from './param-places.ts';
import { paramSchemas } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';
import type { Study } from './study.ts';
import { WHOLE_STUDY } from './whole-study.ts';

/**
 * Nodes by recipe key. Runs nothing; asks stages for no more than their fingerprints and what is wrong with parameters.
 * @throws SwpError kind `study` or `several` for parameters that are impossible together or with the model
 */
export async function buildDag(study: Study, loader: StageLoader, accept?: AcceptCode): Promise<Dag> {
  const { diagnostics } = study.file;
  const builder = new DagBuilder({
    loader,
    root: study.root,
    ...(accept && { accept }),
    refuse(label, problems) {
      for (const { param, input, message, expected, suggestion } of problems) {
        const path = input === undefined ? placeOfParam(study, label, param) : placeOfInput(study, input);
        diagnostics.add({ path, message: `${message}.`, expected, suggestion });
      }
    },
  });
  const keys = new Map<StepInstance, string>();
  for (const experiment of study.experiments) {
    for (const seed of experiment.seeds) {
      for (const instance of expandRun(study, experiment, seed)) {
        const inputs = Object.fromEntries(
          Object.entries(instance.inputs).map(([name, { instance: producer, artifact }]) => [
            name,
            { key: keyOf(producer), artifact },
          ]),
        );
        const { step, params, label } = instance;
        keys.set(instance, await builder.add({ stage: step.stage.name, params, inputs, label }));
      }
    }
  }
  diagnostics.throwIfAny();
  const studyWide = study.steps.filter(({ gathers }) => gathers.size > 0);
  for (const step of studyWide) {
    const label: NodeLabel = { experiment: WHOLE_STUDY, seed: 0, round: 0, step: step.name };
    await builder.add({
      stage: step.stage.name,
      params: studyParams(study, step),
      inputs: {},
      gathers: gather(step, keys, study.path),
      label,
    });
  }
  diagnostics.throwIfAny();
  return builder.dag;

  function keyOf(instance: StepInstance): string {
    const key = keys.get(instance);
    if (key === undefined) throw new Error(`${instance.step.name} is consumed before it is added.`);
    return key;
  }
}

function gather(
  step: StepDeclaration,
  keys: Map<StepInstance, string>,
  studyPath: string,
): Record<string, GatheredRef[]> {
  const gathered: Record<string, GatheredRef[]> = {};
  for (const [name, references] of step.gathers) {
    if (step.stage.inputs[name]?.measured)
      refuseRivals(
        step.name,
        name,
        [...keys.keys()].filter((instance) => references.some((reference) => reference.step === instance.step.name)),
        studyPath,
      );
    gathered[name] = [...keys].flatMap(([{ label, step: producer }, key]) =>
      references
        .filter((reference) => reference.step === producer.name)
        .map(({ artifact }) => ({ key, artifact, label, stage: producer.stage.name })),
    );
  }
  return gathered;
}

/**
 * Two steps that measure the same model of a run would be taken for one measurement, and one of the two be dropped.
 * Only here is it known which steps a run has: `unless` may leave out one of them.
 * @throws SwpError of kind `content`
 */
function refuseRivals(gatherer: string, input: string, instances: StepInstance[], studyPath: string): void {
  const seen = new Map<string, StepInstance>();
  for (const instance of instances) {
    const { label, step } = instance;
    const moment = JSON.stringify([label.experiment, label.seed, label.round, step.measures]);
    const other = seen.get(moment);
    if (other !== undefined && other.step !== step)
      throw new SwpError({
        kind: 'content',
        path: studyPath,
        message: `Steps ${quoted(other.step.name)} and ${quoted(step.name)} both measure "${step.measures}" at ${placeOf(label)}, and ${quoted(gatherer)} gathers both among its ${input}`,
        remedy: `Let ${quoted(gatherer)} gather one of them, or let "unless" leave one out of each run.`,
      });
    seen.set(moment, instance);
  }
}

function studyParams(study: Study, step: StepDeclaration): JsonObject {
  const params: JsonObject = {};
  for (const [name, schema] of paramSchemas(step.stage)) {
    const value =
      schema.unit === 'study' ? (declareStudy(study) as unknown as JsonValue) : (step.params[name] ?? schema.default);
    if (value !== undefined) params[name] = value;
  }
  return params;
}
