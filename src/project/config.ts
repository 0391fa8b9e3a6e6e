/**
 * Where and with what nodes run: swp.config.json of the user ($XDG_CONFIG_HOME/swp, or ~/.config/swp) and of the study
 * (beside pipeline.json). The study's file wins over the user's, and options of a command win over both.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import configSchema from '../../schemas/config.schema.json' with { type: 'json' };
import { compileSchema, EXPLAINED } from '../base/compile-schema.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent, refuseOddFile } from '../base/file-failure.ts';
import type { JsonValue } from '../base/json.ts';
import { schemaMistakes, throwMistakes, throwMistakesIn, type Mistake } from '../base/json-mistakes.ts';
import { displayPath, JsonSource, type JsonPath } from '../base/json-source.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import type { Bundling, SlurmSettings } from '../engine/executors/slurm/settings.ts';
import type { ConfigFile, SlurmConfig, SlurmStageConfig } from '../generated/config.ts';
import type { Project } from './project.ts';
import { sbatchOptionMistake } from './sbatch-options.ts';
import { BUNDLE, GPUS, MEMORY, secondsOfTime, TIME, type WrittenValue } from './slurm-values.ts';

/** Of the user and of the study. */
export const CONFIG_FILE = 'swp.config.json';

/** The settings that a more specific place can take back by `null`. */
type Revocable = 'partition' | 'account' | 'qos' | 'time' | 'gpus' | 'memory' | 'constraint' | 'concurrency';

/** What one place says of jobs, as Slurm takes it. */
export type SlurmChoices = {
  [Name in keyof SlurmSettings]?: SlurmSettings[Name] | (Name extends Revocable ? null : never);
};

/** What a command says of jobs. */
export type SlurmOptions = SlurmChoices & { bundle?: Bundling };

export type ExecutorName = 'local' | 'slurm';

/** What the files say, the study's over the user's. */
export interface Config {
  executor?: ExecutorName;
  slurm: SlurmOptions & { stages: Record<string, SlurmChoices> };
}

/**
 * @throws SwpError of kind `study` or `several` with the places of what is wrong in a file, `file` or `content` for one
 *   that cannot be read
 */
export function readConfig(
  { study, stages: loader }: Pick<Project, 'study' | 'stages'>,
  env: NodeJS.ProcessEnv = process.env,
): Config {
  const stages = new Set(study.stages.keys());
  const users = readFile(userPath(env), (name) => unlikelyStage(name, new Set([...stages, ...loader.names()])));
  const own = readFile(join(study.root, CONFIG_FILE), (name) =>
    stages.has(name)
      ? undefined
      : {
          message: `The study has no stage ${quoted(name)}.`,
          expected: listNames(stages),
          suggestion: nearestName(name, stages),
        },
  );
  const named = [users, own].flatMap(({ slurm }) => Object.keys(slurm.stages));
  const ofStage = (name: string) => ({ ...users.slurm.stages[name], ...own.slurm.stages[name] });
  return {
    ...users,
    ...own,
    slurm: {
      ...users.slurm,
      ...own.slurm,
      stages: Object.fromEntries([...new Set(named)].map((name) => [name, ofStage(name)])),
    },
  };
}

/**
 * What the jobs of a stage's nodes ask for. What a file says of the stage wins over what it says of all jobs, and an
 * option over both.
 * @throws SwpError of kind `usage` for a time limit that leaves no time
 */
export function slurmSettingsOf({ slurm }: Config, options: SlurmOptions, stage: string): SlurmSettings {
  const { stages, ...ofAll } = slurm;
  const chosen: SlurmOptions = { ...ofAll, ...(Object.hasOwn(stages, stage) && stages[stage]), ...options };
  const { partition, account, qos, time, gpus, memory, constraint, concurrency } = chosen;
  const { cpus = 1, setup = [], signal = DEFAULT_SIGNAL, options: further = [] } = chosen;
  checkTime(stage, time ?? undefined, signal);
  return {
    ...(partition && { partition }),
    ...(account && { account }),
    ...(qos && { qos }),
    ...(time && { time }),
    ...(gpus && { gpus }),
    cpus,
    ...(typeof memory === 'number' && { memory }),
    ...(constraint && { constraint }),
    setup: [...setup],
    ...(concurrency && { concurrency }),
    signal,
    options: [...further],
  };
}

export function bundlingOf({ slurm }: Config, options: SlurmOptions): Bundling {
  return options.bundle ?? slurm.bundle ?? 'run';
}

/** Seconds: a training keeps its state in less, even if Slurm, which looks once a minute, tells it late. */
const DEFAULT_SIGNAL = 120;

/** Slurm sends the signal up to a minute early: it looks once a minute. `man sbatch`, --signal. */
const SIGNAL_EARLY = 60;

function checkTime(stage: string, time: string | undefined, signal: number): void {
  const seconds = time === undefined ? undefined : secondsOfTime(time);
  if (seconds === undefined || seconds > signal + SIGNAL_EARLY) return;
  throw new SwpError({
    kind: 'usage',
    message: `The jobs of stage ${stage} have a time limit of ${time}, and are told to end ${signal} seconds before it, or up to a minute earlier: they could do nothing.`,
    expected: 'a longer time (Slurm reads 1:30 as a minute and a half), or a signal fewer seconds before it',
  });
}

/** XDG Base Directory Specification: a path that is not absolute does not count. */
function userPath({ XDG_CONFIG_HOME: folder = '' }: NodeJS.ProcessEnv): string {
  return join(isAbsolute(folder) ? folder : join(homedir(), '.config'), 'swp', CONFIG_FILE);
}

type StageMistake = Pick<Mistake, 'message' | 'expected' | 'suggestion'>;

/** A user's file is for many studies, with stages of their own: a name that is only nearly one of these is a slip. */
function unlikelyStage(name: string, known: ReadonlySet<string>): StageMistake | undefined {
  const suggestion = known.has(name) ? undefined : nearestName(name, known);
  return suggestion === undefined
    ? undefined
    : { message: `There is no stage ${quoted(name)}.`, expected: listNames(known), suggestion };
}

/** @param mistakenStage what is wrong with the name of a stage */
function readFile(path: string, mistakenStage: (name: string) => StageMistake | undefined): Config {
  const text = textOf(path);
  if (text.toString().trim() === '') return { slurm: { stages: {} } };
  const source = new JsonSource(displayPath(path), text);
  throwMistakes(source.mistakes);
  const content = JSON.parse(JSON.stringify(source.value)) as JsonValue; // its objects have no prototype
  const validate = compileSchema<ConfigFile>(configSchema, EXPLAINED);
  if (!validate(content)) {
    throwMistakesIn(source, schemaMistakes(validate.errors!, content));
    throw new Error('A configuration does not fit its schema, for no reason.');
  }
  const { executor, slurm = {} } = content;
  const { stages = {}, ...ofAll } = slurm;
  const mistakes: Mistake[] = Object.keys(stages).flatMap((name) => {
    const mistake = mistakenStage(name);
    return mistake === undefined ? [] : [{ path: ['slurm', 'stages', name], mark: 'key', ...mistake }];
  });
  const choices = choicesOf(ofAll, ['slurm'], mistakes);
  const ofStages = Object.entries(stages).map(([name, entry]): [string, SlurmChoices] => [
    name,
    choicesOf(entry, ['slurm', 'stages', name], mistakes),
  ]);
  throwMistakesIn(source, mistakes);
  return { ...(executor && { executor }), slurm: { ...choices, stages: Object.fromEntries(ofStages) } };
}

/** What a file holds; nothing where there is none. */
function textOf(path: string): Buffer {
  try {
    refuseOddFile(path, REMEDY);
    return readFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return Buffer.alloc(0);
    throw fileFailure(error, displayPath(path), 'read', REMEDY);
  }
}

const REMEDY = 'It says where and with what nodes run. Make it readable, or remove it.';

/** @param path of the settings in the file */
function choicesOf(config: SlurmConfig & SlurmStageConfig, path: JsonPath, mistakes: Mistake[]): SlurmOptions {
  const { time, gpus, memory, bundle, options = [], ...others } = config;
  function taken<Value>(name: string, written: string | number | null | undefined, as: WrittenValue<Value>) {
    if (written === undefined || written === null) return written === null ? { [name]: null } : {};
    const value = as.parse(String(written));
    if (value !== undefined) return { [name]: value };
    const shown = typeof written === 'string' ? quoted(written) : written;
    mistakes.push({ path: [...path, name], message: `${shown} is not possible here.`, expected: as.expected });
    return {};
  }
  for (const [index, option] of options.entries()) {
    const mistake = sbatchOptionMistake(option);
    if (mistake !== undefined) mistakes.push({ path: [...path, 'options', index], ...mistake });
  }
  return {
    ...others,
    ...taken('time', time, TIME),
    ...taken('gpus', gpus, GPUS),
    ...taken('memory', memory, MEMORY),
    ...taken('bundle', bundle, BUNDLE),
    ...(config.options && { options }),
  };
}
