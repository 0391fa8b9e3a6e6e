/** A study for one profile: everything that pipeline.json declares, checked. */
import { dirname } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { globMatcher } from '../base/glob.ts';
import { NO_ENTRIES, type JsonObject } from '../base/json.ts';
import type { StageDefinition } from '../engine/stage.ts';
import type { AnalysisDeclaration, ComparisonDeclaration } from '../generated/aggregate.ts';
import type { Experiment as ExperimentEntry, PipelineFile, Profile as ProfileEntry } from '../generated/pipeline.ts';
import { checkExperiments } from './check-experiments.ts';
import type { Diagnostics } from './diagnostics.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import type { JsonPath } from '../base/json-source.ts';
import { checkOverrides } from './overrides.ts';
import { largeModels } from './large-models.ts';
import { paramSchemas } from './stage-params.ts';
import { declareSteps, namedStages, type StepDeclaration } from './step.ts';
import { parseStudyFile, readStudyFile, type StudyFile } from './study-file.ts';

/** Parameters by stage. */
export type ParamsByStage = Record<string, JsonObject>;

export interface Experiment {
  id: string;
  description: string;
  role?: string;
  /** The experiment that it inherits from. */
  extends?: string;
  /** What every parameter with the unit `model` is, unless it is set itself. */
  model: string;
  /** The same for the unit `corpus`; null if the experiment has no text. */
  corpus: JsonObject | null;
  seeds: number[];
  rounds: number;
  finalTrain: boolean;
  /** The factor on parameters counted in training steps: 1 if the experiment opts out. */
  scaleSteps: number;
  params: ParamsByStage;
  /** Without the profile: what the lists in `perRound` are written for. */
  declaredRounds: number;
  /** One value per round, and perhaps one for the final training; parameters.ts says which round takes which. */
  perRound: Record<string, Record<string, JsonObject[string][]>>;
  /** By the name of a step of the DAG. */
  perStep: Record<string, JsonObject>;
}

export interface Profile {
  name: string;
  description: string;
  scaleSteps: number;
  params: ParamsByStage;
  /** Rules of swp lint that are overridden in this profile, each with the reason. */
  accept: Record<string, string>;
}

export interface Study {
  /** Absolute path of pipeline.json. */
  path: string;
  /** The project's root: its folder. */
  root: string;
  /** What it was read from, with where everything in it stands. */
  file: StudyFile;
  name: string;
  description: string;
  profile: Profile;
  /** Parameters from `defaults`. */
  defaults: ParamsByStage;
  /** Values by parameter, for every stage that declares it: given with the command, above everything in the file. */
  overrides: JsonObject;
  /** In the order in which they flow. */
  steps: StepDeclaration[];
  stages: Map<string, StageDefinition>;
  /** Those of the profile. */
  experiments: Experiment[];
  /** Names of models, as the study has them, of which parameters that nobody sets have the defaults of large models. */
  largeModels: ReadonlySet<string>;
  /** With the arms that the profile has; a comparison of fewer than two is not in it. */
  comparisons: ComparisonDeclaration[];
  analysis: AnalysisDeclaration;
  /** Which large artifacts stay that no planned node needs any more. */
  keep: NonNullable<PipelineFile['keep']>;
}

const DEFAULT_MODEL = 'marker-retrieval';

/** Where stages come from: the engine's StageLoader. */
export interface StageSource {
  /** @throws SwpError if there is no such stage */
  load(name: string): Promise<{ definition: StageDefinition }>;
}

/**
 * Reads, checks and resolves a study.
 * @param options.path absolute path of pipeline.json
 * @param options.declaration what it says, where it may say something else by now
 * @param options.profile the profile's name; default: the study's default profile, else all experiments as written
 * @param options.overrides values by parameter, for every stage that declares it
 * @throws SwpError kind `study` or `several` with the places of all mistakes; `usage` for an unknown profile or
 *   override
 */
export async function loadStudy(options: {
  path: string;
  declaration?: string;
  profile?: string;
  overrides?: JsonObject;
  loader: StageSource;
}): Promise<Study> {
  const { path, declaration } = options;
  const file = declaration === undefined ? await readStudyFile(path) : parseStudyFile(path, declaration);
  return resolveStudy(file, options);
}

/** The same for a file that is read already. */
export async function resolveStudy(
  file: StudyFile,
  options: { profile?: string; overrides?: JsonObject; loader: StageSource },
): Promise<Study> {
  const { content, diagnostics } = file;
  const stages = await loadStages(content, options.loader, diagnostics);
  diagnostics.throwIfAny(); // every parameter of a stage that has no name would be one more complaint
  const steps = declareSteps(content.dag, stages, diagnostics);
  checkExperiments(content, steps, stages, diagnostics);
  checkTextIsRead(content, steps, diagnostics);
  diagnostics.throwIfAny();

  const overrides = options.overrides ?? {};
  checkOverrides(overrides, stages);
  const profile = chooseProfile(content, options.profile);
  const entries = Object.entries(content.experiments).filter(([id]) => profile.has(id));
  const experiments = entries.map(([id, entry]) => resolveExperiment(id, entry, content, profile.entry));
  const ids = new Set(experiments.map(({ id }) => id));
  const comparisons = (content.comparisons ?? []).map((comparison): ComparisonDeclaration => {
    const arms = comparison.arms.filter((arm) => ids.has(arm)) as ComparisonDeclaration['arms'];
    const { name, question, topic, varies, family = topic, metrics = ['loss'], accept = {} } = comparison;
    return { name, question, topic, arms, varies, family, metrics, accept: { ...accept } };
  });
  const study = {
    path: file.path,
    root: dirname(file.path),
    file,
    name: content.name,
    description: content.description ?? '',
    profile: {
      name: profile.name,
      description: profile.entry.description ?? '',
      scaleSteps: profile.entry.scaleSteps ?? 1,
      params: (profile.entry.params ?? NO_ENTRIES) as ParamsByStage,
      accept: { ...profile.entry.accept },
    },
    defaults: (content.defaults?.params ?? NO_ENTRIES) as ParamsByStage,
    overrides,
    steps,
    stages,
    experiments,
    comparisons: comparisons.filter(({ arms }) => arms.length >= 2),
    keep: content.keep ?? 'all',
    analysis: { alpha: 0.05, confidence: 0.95, tolerance: 0.01, ...content.analysis },
  };
  return { ...study, largeModels: await largeModels(study) };
}

/** A text that no step reads would be a slip: models would be trained on something else. */
function checkTextIsRead(
  { defaults, profiles, experiments }: PipelineFile,
  steps: StepDeclaration[],
  diagnostics: Diagnostics,
): void {
  if (steps.some(({ stage }) => paramSchemas(stage).get('corpus')?.unit === 'corpus')) return;
  const places: [JsonPath, Pick<ExperimentEntry, 'corpus'> | undefined][] = [
    [['defaults'], defaults],
    ...Object.entries(profiles ?? NO_ENTRIES).map(([name, entry]): [JsonPath, ProfileEntry] => [
      ['profiles', name],
      entry,
    ]),
    ...Object.entries(experiments).map(([id, entry]): [JsonPath, ExperimentEntry] => [['experiments', id], entry]),
  ];
  const declared = places.find(([, entry]) => (entry?.corpus ?? null) !== null);
  if (declared !== undefined)
    diagnostics.add({
      path: [...declared[0], 'corpus'],
      mark: 'key',
      message: 'No step of the DAG reads a text.',
      expected:
        '"dag": "standard"; or a step of the stage tokenize, and its tokens as an input of steps that read sequences',
    });
}

async function loadStages(
  content: PipelineFile,
  loader: StageSource,
  diagnostics: Diagnostics,
): Promise<Map<string, StageDefinition>> {
  const stages = new Map<string, StageDefinition>();
  for (const [name, path] of namedStages(content.dag)) {
    try {
      stages.set(name, (await loader.load(name)).definition);
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'usage') throw error;
      const { message, expected, suggestion } = error.failure;
      diagnostics.add({ path, message, expected, suggestion });
    }
  }
  return stages;
}

interface ChosenProfile {
  name: string;
  entry: ProfileEntry;
  has(experiment: string): boolean;
}

function chooseProfile(content: PipelineFile, named: string | undefined): ChosenProfile {
  const profiles = content.profiles ?? NO_ENTRIES;
  const name = named ?? content.defaultProfile;
  if (name === undefined)
    return {
      name: 'all',
      entry: { experiments: ['*'], description: 'Every experiment as declared.' },
      has: () => true,
    };
  const entry = profiles[name];
  if (entry === undefined) {
    const known = Object.keys(profiles);
    throw new SwpError({
      kind: 'usage',
      message: `There is no profile ${quoted(name)}.`,
      expected: listNames(known) || 'no --profile: the study declares none',
      suggestion: nearestName(name, known),
    });
  }
  return { name, entry, has: globMatcher(entry.experiments) };
}

/** For rounds, seeds, finalTrain, model and corpus as for parameters: defaults < profile < experiment. */
function resolveExperiment(
  id: string,
  entry: ExperimentEntry,
  content: PipelineFile,
  profile: ProfileEntry,
): Experiment {
  const declaring = [entry, profile, content.defaults].find((each) => each?.corpus !== undefined);
  return {
    id,
    description: entry.description ?? '',
    role: entry.role,
    extends: entry.extends,
    model: entry.model ?? profile.model ?? content.defaults?.model ?? DEFAULT_MODEL,
    corpus: (declaring?.corpus ?? null) as JsonObject | null,
    seeds: entry.seeds ?? profile.seeds ?? content.defaults?.seeds ?? [0],
    rounds: entry.rounds ?? profile.rounds ?? content.defaults?.rounds ?? 1,
    declaredRounds: entry.rounds ?? content.defaults?.rounds ?? 1,
    finalTrain: entry.finalTrain ?? profile.finalTrain ?? content.defaults?.finalTrain ?? true,
    scaleSteps: entry.scaleSteps === false ? 1 : (profile.scaleSteps ?? 1),
    params: (entry.params ?? NO_ENTRIES) as ParamsByStage,
    perRound: (entry.perRound ?? NO_ENTRIES) as Experiment['perRound'],
    perStep: (entry.perStep ?? NO_ENTRIES) as Experiment['perStep'],
  };
}
