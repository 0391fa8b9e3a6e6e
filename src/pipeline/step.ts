/** The steps of `dag`, parsed and checked: every name in them exists. */
import { NO_ENTRIES, type JsonObject, type JsonValue } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { PipelineFile, RepeatedSteps, Step } from '../generated/pipeline.ts';
import type { Diagnostics } from './diagnostics.ts';
import type { JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { parseArtifactReference, parseReference, type ArtifactReference, type Reference } from './reference.ts';
import { checkParamName, checkParams, checkValue } from './stage-params.ts';

export interface StepDeclaration {
  name: string;
  stage: StageDefinition;
  inputs: Map<string, Reference>;
  /** Inputs collected over all runs; a step that has any runs once for the study. */
  gathers: Map<string, ArtifactReference[]>;
  params: JsonObject;
  /** Left out where all these parameters have these values. */
  unless?: JsonObject;
  /** Which model of its round a measuring step looks at. */
  measures?: Step['measures'];
  /** Inside the repeated block. */
  repeated: boolean;
  /** Runs once more after the last round, if finalTrain is true. */
  final: boolean;
  /** Place in the file. */
  path: JsonPath;
}

/** The steps as they are written, with where each stands: in the order in which they flow. */
function writtenSteps(dag: PipelineFile['dag']): { step: Step; path: JsonPath; block?: RepeatedSteps }[] {
  return dag.flatMap((entry, index) =>
    'repeat' in entry
      ? entry.steps.map((step, inner) => ({ step, path: ['dag', index, 'steps', inner], block: entry }))
      : [{ step: entry, path: ['dag', index] }],
  );
}

/** The stages that `dag` names, with the first place of each. */
export function namedStages(dag: PipelineFile['dag']): Map<string, JsonPath> {
  const places = new Map<string, JsonPath>();
  for (const { step, path } of writtenSteps(dag))
    if (!places.has(step.stage)) places.set(step.stage, [...path, 'stage']);
  return places;
}

/** Parses the steps whose stages are known; reports everything in them that does not exist or cannot be. */
export function declareSteps(
  dag: PipelineFile['dag'],
  stages: Map<string, StageDefinition>,
  diagnostics: Diagnostics,
): StepDeclaration[] {
  const written = writtenSteps(dag);
  const declared = new Map<string, StepDeclaration>();
  for (const { step, path, block } of written) {
    const stage = stages.get(step.stage);
    if (stage === undefined) continue; // reported where the stages are loaded
    if (declared.has(step.step)) {
      diagnostics.add({
        path: [...path, 'step'],
        message: `There are two steps ${quoted(step.step)}.`,
        expected: 'a name of its own for each step',
      });
      continue;
    }
    declared.set(step.step, {
      name: step.step,
      stage,
      inputs: new Map(Object.entries(step.inputs ?? {}).map(([name, json]) => [name, parseReference(json)])),
      gathers: new Map(
        Object.entries(step.gather ?? {}).map(([name, refs]) => [name, [refs].flat().map(parseArtifactReference)]),
      ),
      params: (step.params ?? NO_ENTRIES) as JsonObject,
      unless: step.unless as JsonObject | undefined,
      measures: step.measures,
      repeated: block !== undefined,
      final: block?.final?.includes(step.step) ?? false,
      path,
    });
  }
  checkRepeats(dag, diagnostics);
  const positions = new Map<string, number>();
  for (const { step } of written) if (!positions.has(step.step)) positions.set(step.step, positions.size);
  const steps = [...declared.values()];
  for (const step of steps) new StepChecks(step, positions, declared, stages, diagnostics).check();
  return steps;
}

function checkRepeats(dag: PipelineFile['dag'], diagnostics: Diagnostics): void {
  const blocks = dag.flatMap((entry, index) => ('repeat' in entry ? [{ entry, index }] : []));
  for (const { index } of blocks.slice(1))
    diagnostics.add({
      path: ['dag', index, 'repeat'],
      mark: 'key',
      message: 'There is a second repeated block.',
      expected: 'one block of repeated steps',
    });
  for (const { entry, index } of blocks) {
    const names = entry.steps.map(({ step }) => step);
    for (const [place, name] of (entry.final ?? []).entries())
      if (!names.includes(name))
        diagnostics.addUnknown('The repeated step', name, () => names, ['dag', index, 'final', place]);
  }
}

/** What can be wrong inside one step. */
class StepChecks {
  readonly #diagnostics: Diagnostics;
  readonly #stages: Map<string, StageDefinition>;
  readonly #steps: Map<string, StepDeclaration>;
  readonly #names: readonly string[];
  /** Where each step is among the names: the first, if there are two. */
  readonly #positions: ReadonlyMap<string, number>;
  readonly #step: StepDeclaration;
  readonly #position: number;

  constructor(
    step: StepDeclaration,
    positions: ReadonlyMap<string, number>,
    steps: Map<string, StepDeclaration>,
    stages: Map<string, StageDefinition>,
    diagnostics: Diagnostics,
  ) {
    this.#diagnostics = diagnostics;
    this.#stages = stages;
    this.#steps = steps;
    this.#names = [...positions.keys()];
    this.#positions = positions;
    this.#step = step;
    this.#position = positions.get(step.name)!;
  }

  check(): void {
    const step = this.#step;
    const diagnostics = this.#diagnostics;
    checkParams(step.stage, step.params, [...step.path, 'params'], diagnostics);
    checkParams(step.stage, step.unless ?? {}, [...step.path, 'unless'], diagnostics);
    this.#checkInputNames();
    for (const [name, reference] of step.inputs) this.#checkReference(reference, [...step.path, 'inputs', name]);
    for (const [name, references] of step.gathers)
      for (const [index, reference] of references.entries())
        this.#checkArtifact(
          reference,
          references.length > 1 ? [...step.path, 'gather', name, index] : [...step.path, 'gather', name],
        );
    this.#checkMeasures();
    this.#checkWriters();
    if (step.gathers.size > 0 && step.repeated)
      diagnostics.add({
        path: [...step.path, 'gather'],
        mark: 'key',
        message: 'A step that gathers cannot be repeated.',
        expected: 'it outside the repeated block: it runs once, over all runs',
      });
    if (step.gathers.size > 0 && step.inputs.size > 0)
      diagnostics.add({
        path: [...step.path, 'inputs'],
        mark: 'key',
        message: 'A step that gathers serves all runs and has no inputs of one run.',
        expected: '"gather" alone',
      });
  }

  /** Checks that steps declare what they measure: their names say nothing of it. */
  #checkMeasures(): void {
    const { name, stage, gathers, measures, repeated, path } = this.#step;
    if (measures === 'start' && repeated)
      this.#diagnostics.add({
        path: [...path, 'measures'],
        message: `Step ${quoted(name)} is repeated, and a run starts with one model.`,
        expected: '"trained" or "pruned"; or the step before the repeated block',
      });
    for (const [input, references] of gathers) {
      if (stage.inputs[input]?.measured !== true) continue;
      for (const { step } of references) {
        const target = this.#steps.get(step);
        if (target === undefined || target.measures !== undefined) continue;
        this.#diagnostics.add({
          path: [...target.path, 'step'],
          message: `Step ${quoted(step)} does not say what it measures, and ${quoted(name)} gathers it among its ${input}.`,
          expected:
            '"measures" in the step: "start" (the model that the run starts with), "trained" (after the round\'s training) or "pruned" (after the round\'s prune)',
        });
      }
    }
  }

  /** Checks that what is gathered as a stage's artifacts is that stage's, or of one that says it replaces it. */
  #checkWriters(): void {
    const { name, stage, gathers } = this.#step;
    for (const [input, references] of gathers) {
      const writer = stage.inputs[input]?.writtenBy;
      if (writer === undefined) continue;
      for (const { step } of references) {
        const target = this.#steps.get(step);
        if (target === undefined || target.stage.isUnknown) continue;
        if (target.stage.name === writer || target.stage.replaces === writer) continue;
        this.#diagnostics.add({
          path: [...target.path, 'stage'],
          message: `${quoted(name)} gathers step ${quoted(step)} among its ${input}, and the stage ${quoted(target.stage.name)} does not say that it replaces ${quoted(writer)}.`,
          expected: `"replaces": ${quoted(writer)} in the stage's manifest, so that what it writes is checked; docs/stages.md says what that is`,
        });
      }
    }
  }

  #checkInputNames(): void {
    const step = this.#step;
    if (step.stage.isUnknown) return;
    const diagnostics = this.#diagnostics;
    const declared = Object.entries(step.stage.inputs);
    const check = (given: Map<string, unknown>, list: 'inputs' | 'gather') => {
      const known = declared
        .filter(([, { gather }]) => (gather ?? false) === (list === 'gather'))
        .map(([name]) => name);
      const meant = new Set<string | undefined>();
      for (const name of given.keys()) {
        if (known.includes(name)) continue;
        const suggestion = nearestName(name, known);
        meant.add(suggestion);
        diagnostics.add({
          path: [...step.path, list, name],
          mark: 'key',
          message: `${step.stage.name} has no input ${quoted(name)} for ${quoted(list)}.`,
          expected: known.length > 0 ? listNames(known) : 'none',
          suggestion,
        });
      }
      // What a mistyped name leaves missing is not said a second time.
      for (const [name, { optional, summary }] of declared)
        if (known.includes(name) && !optional && !given.has(name) && !meant.has(name))
          diagnostics.add({
            path: [...step.path, 'step'],
            message: `Step ${quoted(step.name)} lacks the input ${quoted(name)}.`,
            expected: `${quoted(name)} in ${quoted(list)}: ${summary}`,
          });
    };
    check(step.inputs, 'inputs');
    check(step.gathers, 'gather');
  }

  #checkReference(reference: Reference, path: JsonPath): void {
    switch (reference.kind) {
      case 'artifact':
        return this.#checkArtifact(reference, path);
      case 'any':
        return reference.of.forEach((each, index) => this.#checkArtifact(each, [...path, index]));
      case 'when':
        for (const { stage, param, values } of reference.conditions)
          this.#checkCondition(stage, param, values, [...path, 'when']);
        this.#checkReference(reference.use, [...path, 'use']);
        if (reference.otherwise !== undefined) this.#checkReference(reference.otherwise, [...path, 'otherwise']);
    }
  }

  #checkCondition(stageName: string, param: string, values: JsonValue[], path: JsonPath): void {
    const written = param === '' ? stageName : `${stageName}.${param}`;
    const stage = this.#stages.get(stageName);
    if (stage === undefined) {
      this.#diagnostics.addUnknown('The stage', stageName, () => this.#stages.keys(), [...path, written], 'key');
    } else if (checkParamName(stage, param, [...path, written], 'key', this.#diagnostics)) {
      for (const value of values) checkValue(stage, param, value, [...path, written], this.#diagnostics);
    }
  }

  #checkArtifact({ which, step: name, artifact }: ArtifactReference, path: JsonPath): void {
    const diagnostics = this.#diagnostics;
    const step = this.#step;
    const position = this.#positions.get(name);
    if (position === undefined) {
      diagnostics.addUnknown('The step', name, () => this.#names, path);
      return;
    }
    const target = this.#steps.get(name);
    if (target === undefined) return; // its stage is unknown, which is reported
    const outputs = Object.keys(target.stage.outputs);
    if (!target.stage.isUnknown && !outputs.includes(artifact)) {
      diagnostics.add({
        path,
        message: `Step ${quoted(name)} has no artifact ${quoted(artifact)}.`,
        expected: listNames(outputs),
        suggestion: nearestName(artifact, outputs),
      });
      return;
    }
    const loops = target.repeated && step.repeated; // then a later step may stand for its instance of the round before
    if (which === 'this' && !loops)
      diagnostics.add({
        path,
        message: `"this ${name}" has no round to be in.`,
        expected: '"this" only between steps of the repeated block',
      });
    else if (which === 'this' && position >= this.#position)
      diagnostics.add({
        path,
        message: `Step ${quoted(name)} comes later in the round.`,
        expected: `"${name}.${artifact}": its instance of the round before`,
      });
    else if (position >= this.#position && !loops)
      diagnostics.add({
        path,
        message: `Step ${quoted(name)} comes later.`,
        expected: `a step before ${quoted(step.name)}`,
      });
    if (target.gathers.size > 0)
      diagnostics.add({
        path,
        message: `Step ${quoted(name)} gathers all runs and cannot be an input of one.`,
        expected: 'a step of the run',
      });
  }
}
