/** Checks what experiments, profiles and comparisons say: every stage, parameter and arm exists, every value fits. */
import { globMatcher } from '../base/glob.ts';
import { NO_ENTRIES, type JsonObject, type JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { Experiment, PipelineFile } from '../generated/pipeline.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { splitParamName } from './reference.ts';
import { checkParamName, checkParams, checkValue, paramSchemas, requiredParams } from './stage-params.ts';
import type { StepDeclaration } from './step.ts';

/** What swp or the report goes by; a study may have others, but not by a slip: a control that is none is not missed. */
const ROLES = ['arm', 'positive-control', 'negative-control', 'ablation', 'emergence'];

/** A study of more instances than this is taken for a mistake. */
const MAXIMUM_INSTANCES = 200_000;

export function checkExperiments(
  content: PipelineFile,
  steps: StepDeclaration[],
  stages: Map<string, StageDefinition>,
  diagnostics: Diagnostics,
): void {
  const checks = new ExperimentChecks(content, steps, stages, diagnostics);
  checks.params(content.defaults?.params, ['defaults', 'params']);
  for (const [id, experiment] of Object.entries(content.experiments)) checks.experiment(id, experiment);
  for (const name of Object.keys(content.profiles ?? NO_ENTRIES)) checks.profile(name);
  checks.defaultProfile();
  for (const index of (content.comparisons ?? []).keys()) checks.comparison(index);
  checks.size();
}

class ExperimentChecks {
  readonly #diagnostics: Diagnostics;
  readonly #stages: Map<string, StageDefinition>;
  readonly #steps: StepDeclaration[];
  readonly #content: PipelineFile;
  readonly #stepsByName: ReadonlyMap<string, StepDeclaration>;
  /** Of the comparisons: the first one of each name. */
  readonly #firsts = new Map<string, number>();

  constructor(
    content: PipelineFile,
    steps: StepDeclaration[],
    stages: Map<string, StageDefinition>,
    diagnostics: Diagnostics,
  ) {
    this.#diagnostics = diagnostics;
    this.#stages = stages;
    this.#steps = steps;
    this.#content = content;
    this.#stepsByName = new Map(steps.map((step) => [step.name, step]));
    for (const [index, { name }] of (content.comparisons ?? []).entries())
      if (!this.#firsts.has(name)) this.#firsts.set(name, index);
  }

  params(given: Record<string, Record<string, unknown>> | undefined, path: JsonPath): void {
    for (const [stageName, params] of Object.entries(given ?? {})) {
      const stage = this.#stage(stageName, [...path, stageName]);
      if (stage !== undefined) checkParams(stage, params as JsonObject, [...path, stageName], this.#diagnostics);
    }
  }

  experiment(id: string, experiment: Experiment): void {
    const path = ['experiments', id];
    this.params(experiment.params, [...path, 'params']);
    for (const [stageName, lists] of Object.entries(experiment.perRound ?? {})) {
      const stage = this.#stage(stageName, [...path, 'perRound', stageName]);
      if (stage === undefined) continue;
      for (const [param, values] of Object.entries(lists))
        this.#perRound(stage, param, values as JsonValue[], experiment, [...path, 'perRound', stageName, param]);
    }
    this.#perStep(experiment, [...path, 'perStep']);
    this.#role(experiment.role, [...path, 'role']);
    this.#required(id, experiment);
  }

  #role(role: string | undefined, path: JsonPath): void {
    if (role === undefined || ROLES.includes(role)) return;
    const meant = nearestName(role, ROLES);
    if (meant === undefined) return;
    this.#diagnostics.add({
      path,
      mark: 'value',
      message: `The role ${quoted(role)} is nearly another.`,
      expected: `${listNames(ROLES)}; or one of your own that is not like them`,
      suggestion: meant,
    });
  }

  #perStep(experiment: Experiment, path: JsonPath): void {
    const steps = () => this.#steps.filter(({ gathers }) => gathers.size === 0).map((each) => each.name);
    for (const [name, params] of Object.entries(experiment.perStep ?? {})) {
      const step = this.#stepsByName.get(name);
      if (step === undefined) this.#diagnostics.addUnknown('The step', name, steps, [...path, name], 'key');
      else if (step.gathers.size > 0)
        this.#diagnostics.add({
          path: [...path, name],
          mark: 'key',
          message: `Step ${quoted(name)} gathers all runs and has no parameters of one experiment.`,
          expected: () => listNames(steps()),
        });
      else checkParams(step.stage, params as JsonObject, [...path, name], this.#diagnostics);
    }
  }

  #perRound(stage: StageDefinition, param: string, values: JsonValue[], experiment: Experiment, path: JsonPath): void {
    const diagnostics = this.#diagnostics;
    if (!checkParamName(stage, param, path, 'key', diagnostics)) return;
    for (const [index, value] of values.entries()) checkValue(stage, param, value, [...path, index], diagnostics);
    const repeated = this.#steps.filter((step) => step.stage === stage && step.repeated);
    if (repeated.length === 0) {
      diagnostics.add({
        path,
        mark: 'key',
        message: `${stage.name} is not in the repeated steps.`,
        expected: '"params" for a stage outside them',
      });
      return;
    }
    const rounds = experiment.rounds ?? this.#content.defaults?.rounds ?? 1;
    const finalTrain = experiment.finalTrain ?? this.#content.defaults?.finalTrain ?? true;
    const allowed = finalTrain && repeated.some(({ final }) => final) ? [rounds, rounds + 1] : [rounds];
    if (!allowed.includes(values.length)) {
      const withFinal = allowed.length > 1 ? `, or ${rounds + 1} with one for the final training` : '';
      diagnostics.add({
        path,
        mark: 'key',
        message: `${quoted(param)} has ${values.length} values for ${rounds} rounds.`,
        expected: `${rounds}, one per round${withFinal}`,
      });
    }
  }

  /** A parameter without a default must come from somewhere. */
  #required(id: string, experiment: Experiment): void {
    for (const step of this.#steps) {
      const name = step.stage.name;
      const layers = [
        this.#content.defaults?.params?.[name],
        experiment.params?.[name],
        step.params,
        experiment.perRound?.[name],
        experiment.perStep?.[step.name],
      ];
      for (const param of requiredParams(step.stage)) {
        const schema = paramSchemas(step.stage).get(param);
        if (
          schema?.default !== undefined ||
          schema?.unit !== undefined ||
          layers.some((layer) => layer?.[param] !== undefined)
        )
          continue;
        this.#diagnostics.add({
          path: ['experiments', id],
          mark: 'key',
          message: `Experiment ${quoted(id)} sets no "${name}.${param}", which has no default.`,
          expected: schema?.description,
        });
      }
    }
  }

  profile(name: string): void {
    const profile = this.#content.profiles?.[name];
    const path = ['profiles', name];
    this.params(profile?.params, [...path, 'params']);
    const ids = Object.keys(this.#content.experiments);
    for (const [index, pattern] of (profile?.experiments ?? []).entries())
      if (!Object.hasOwn(this.#content.experiments, pattern) && !ids.some(globMatcher(pattern)))
        this.#diagnostics.addUnknown('The experiment', pattern, () => ids, [...path, 'experiments', index]);
  }

  defaultProfile(): void {
    const { defaultProfile, profiles = NO_ENTRIES } = this.#content;
    if (defaultProfile !== undefined && profiles[defaultProfile] === undefined)
      this.#diagnostics.addUnknown('The profile', defaultProfile, () => Object.keys(profiles), ['defaultProfile']);
  }

  comparison(index: number): void {
    const comparison = this.#content.comparisons?.[index];
    const experiments = this.#content.experiments;
    if (comparison !== undefined && this.#firsts.get(comparison.name)! < index)
      this.#diagnostics.add({
        path: ['comparisons', index, 'name'],
        message: `There are two comparisons ${quoted(comparison?.name)}.`,
        expected: 'a name of its own for each',
      });
    for (const [place, arm] of (comparison?.arms ?? []).entries())
      if (experiments[arm] === undefined)
        this.#diagnostics.addUnknown('The experiment', arm, () => Object.keys(experiments), [
          'comparisons',
          index,
          'arms',
          place,
        ]);
    for (const [place, name] of (comparison?.varies ?? []).entries()) {
      const path = ['comparisons', index, 'varies', place];
      if (['rounds', 'finalTrain', 'model'].includes(name)) continue;
      const { stage: stageName, param } = splitParamName(name);
      const stage = this.#stages.get(stageName) ?? this.#stepsByName.get(stageName)?.stage;
      if (stage === undefined) this.#diagnostics.addUnknown('The stage', stageName, () => this.#stages.keys(), path);
      else checkParamName(stage, param, path, 'value', this.#diagnostics);
    }
  }

  /** Numbers so large that the study could not even be written down are mistakes. */
  size(): void {
    const content = this.#content;
    const perRound = this.#steps.filter(({ repeated }) => repeated).length;
    const rest = this.#steps.length - perRound;
    const profiles = Object.values(content.profiles ?? NO_ENTRIES);
    const most = (sizes: number[], least: number) => sizes.reduce((a, b) => Math.max(a, b), least);
    const mostSeeds = most(
      profiles.map(({ seeds }) => seeds?.length ?? 0),
      content.defaults?.seeds?.length ?? 1,
    );
    const mostRounds = most(
      profiles.map(({ rounds }) => rounds ?? 0),
      content.defaults?.rounds ?? 1,
    );
    let instances = 0;
    for (const [id, experiment] of Object.entries(content.experiments)) {
      const seeds = experiment.seeds?.length ?? mostSeeds;
      const rounds = experiment.rounds ?? mostRounds;
      instances += seeds * ((rounds + 1) * perRound + rest);
      if (instances <= MAXIMUM_INSTANCES) continue;
      this.#diagnostics.add({
        path: ['experiments', id],
        mark: 'key',
        message: `With this experiment the study has more than ${MAXIMUM_INSTANCES} nodes.`,
        expected: 'fewer seeds, rounds or steps',
      });
      return;
    }
  }

  #stage(name: string, path: JsonPath): StageDefinition | undefined {
    const stage = this.#stages.get(name);
    if (stage === undefined) this.#diagnostics.addUnknown('The stage', name, () => this.#stages.keys(), path, 'key');
    return stage;
  }
}
