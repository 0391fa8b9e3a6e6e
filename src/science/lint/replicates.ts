/** Are seeds replicates, and arms arms? What is one computation under several names counts once in every result. */
import { groupBy } from '../../base/groups.ts';
import { canonicalJson, entryOf, type JsonValue } from '../../base/json.ts';
import { listed } from '../../base/listed.ts';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import { producerOf } from '../study-declaration.ts';
import { split, type Arm } from './arm.ts';
import { commonNodes } from './contrast.ts';
import { finding, type LintFinding } from './finding.ts';
import { valueText } from './value-text.ts';

/** A stage of swp that takes the run's seed where no other is set: in which parameter, and whether it then acts. */
interface SeededStage {
  param: string;
  acts(value: (name: string) => unknown): boolean;
}

const SEEDED: Record<string, SeededStage> = {
  'load-pretrained': { param: 'checkpoint', acts: () => true },
  init: { param: 'seed', acts: (value) => value('scheme') !== 'pretrained' },
  train: { param: 'seed', acts: (value) => value('steps') !== 0 },
  prune: { param: 'seed', acts: (value) => value('criterion') === 'random' || value('criterion') === 'shuffled' },
  rewind: { param: 'seed', acts: (value) => value('to') === 'fresh' || value('mask') === 'shuffle' },
};

/** Stages of swp that take no seed of the run: all runs are measured on the same sequences. */
const SEEDLESS = ['detect-sw', 'eval'];

/** What of a run depends on its seed. */
interface SeedUse {
  /**
   * Whether anything that is measured does; where no step says that it measures, whether anything does. What a stage of
   * the study's own does is not declared: it may.
   */
  acts: boolean;
  /** Seeds that are set, and act, in words: `train.seed is 0`. */
  fixed: string[];
  /** Whether runs start from the weights of a checkpoint that all seeds share. */
  sharesCheckpoint: boolean;
}

function seedUse(arm: Arm, { steps }: StudyDeclaration): SeedUse {
  if (arm.wiring === undefined) return { acts: true, fixed: [], sharesCheckpoint: false };
  const isMeasured = (step: string) => entryOf(steps, step)?.measures !== undefined;
  const measures = [...arm.wiring.values()].some((wired) => wired.some(({ step }) => isMeasured(step)));
  const seeded = new Set<string>();
  const fixed = new Set<string>();
  let acts = false;
  let loadsOne = false;
  let sharesCheckpoint = false;
  for (const [round, wired] of arm.wiring)
    for (const { step, stage, inputs } of wired) {
      const value = (name: string) => arm.valueIn(`${step}.${name}`, round);
      const own = ownSeed(stage, value);
      if (stage === 'load-pretrained') loadsOne = own.fixed !== undefined;
      if (stage === 'init') sharesCheckpoint = loadsOne && value('scheme') === 'pretrained';
      if (own.fixed !== undefined) fixed.add(fixedText(stage, own.fixed, value(own.fixed)));
      // Only the scheme `pretrained` reads the weights that it is given.
      const reads = stage !== 'init' || value('scheme') === 'pretrained';
      const inherits =
        reads &&
        Object.values(inputs).some((source) => {
          const producer = producerOf(source, round);
          return seeded.has(`${producer.step} ${producer.round}`);
        });
      if (!own.takes && !inherits) continue;
      seeded.add(`${step} ${round}`);
      acts ||= !measures || isMeasured(step);
    }
  return { acts, fixed: [...fixed], sharesCheckpoint };
}

/** A published model has no checkpoint per seed: `withModelLabels` says so by null. */
function fixedText(stage: string, param: string, value: unknown): string {
  return value === null ? 'the model has one checkpoint' : `${stage}.${param} is ${valueText(value)}`;
}

/** Whether a step of the stage takes the run's seed; if it would, but another is set, in which parameter. */
function ownSeed(stage: string, value: (name: string) => unknown): { takes: boolean; fixed?: string } {
  const seededStage = entryOf(SEEDED, stage);
  if (seededStage === undefined) return { takes: !SEEDLESS.includes(stage) };
  if (!seededStage.acts(value)) return { takes: false };
  return value(seededStage.param) === undefined ? { takes: true } : { takes: false, fixed: seededStage.param };
}

/** Seeds of an arm that are replicates: one, where they change nothing. */
export function distinctSeeds(arm: Arm, study: StudyDeclaration, seeds: readonly number[]): number {
  return seedUse(arm, study).acts ? seeds.length : Math.min(1, seeds.length);
}

/** Experiments with several seeds that change nothing: their runs are one, and count as one. */
export function idleSeeds(study: StudyDeclaration, arms: readonly Arm[]): LintFinding[] {
  const idle = arms
    .filter(({ declaration }) => declaration.seeds.length > 1)
    .flatMap((arm) => {
      const { acts, fixed } = seedUse(arm, study);
      return acts ? [] : [{ arm, fixed: fixed.length === 0 ? 'no step that runs takes a seed' : listed(fixed) }];
    });
  return [...groupBy(idle, ({ arm, fixed }) => `${arm.declaration.seeds.length} ${fixed}`).values()].map((alike) => {
    const ids = alike.map(({ arm }) => arm.id);
    const [{ arm, fixed }] = alike as [(typeof alike)[number]];
    return finding(
      'idle-seeds',
      null,
      ids,
      `The ${arm.declaration.seeds.length} seeds of ${listed(ids)} change nothing that is measured: ${fixed}. Whatever the seed, it is one computation, and every count takes it for one run.`,
    );
  });
}

/** Experiments whose seeds are orders of the data for one checkpoint: what they show is of that model alone. */
export function dataOrders(study: StudyDeclaration, arms: readonly Arm[]): LintFinding[] {
  const sharing = arms
    .filter(({ declaration }) => declaration.seeds.length > 1)
    .filter((arm) => {
      const { acts, sharesCheckpoint } = seedUse(arm, study);
      return acts && sharesCheckpoint;
    });
  return [...groupBy(sharing, ({ declaration }) => declaration.seeds.length)].map(([seeds, alike]) => {
    const ids = alike.map(({ id }) => id);
    return finding(
      'data-orders',
      null,
      ids,
      `The ${seeds} seeds of ${listed(ids)} are data orders of one checkpoint, and no models that were trained independently: intervals and tests are over data orders of one checkpoint, and of what the checkpoint itself has, n is 1.`,
    );
  });
}

/** Experiments that are another one under a second name; where a comparison holds both, `never-acts` says it. */
export function sameArms(study: StudyDeclaration, arms: readonly Arm[]): LintFinding[] {
  const compared = new Set(
    study.comparisons.flatMap(({ arms: [baseline, ...others] }) => others.map((other) => pairOf(baseline, other))),
  );
  const alike = groupBy(
    arms.filter(({ wiring }) => wiring !== undefined),
    (arm) => declaredIdentity(arm),
  );
  return [...alike.values()].flatMap(([first, ...others]) => {
    const same = others.filter(
      (other) => commonNodes(first!, other) !== undefined && !compared.has(pairOf(first!.id, other.id)),
    );
    if (same.length === 0) return [];
    const ids = same.map(({ id }) => id);
    return [
      finding(
        'same-arm',
        null,
        [first!.id, ...ids],
        `${listed(ids)} ${ids.length === 1 ? 'is' : 'are'} ${first!.id} under another name: all nodes of a run are shared.`,
      ),
    ];
  });
}

function pairOf(a: string, b: string): string {
  return JSON.stringify([a, b].sort());
}

/** Equal for experiments with equal connections and equal parameters of all that runs. */
function declaredIdentity(arm: Arm): string {
  const { wiring, model, params, byRound = [], steps = {} } = arm.declaration;
  const ofStages = Object.entries(params).filter(([stage]) => arm.hasStage(stage));
  const ofSteps = Object.entries(steps).filter(([step]) => arm.hasStep(step));
  const lists = byRound.filter((name) => arm.hasStage(split(name).owner));
  return canonicalJson([
    wiring ?? null,
    model ?? null,
    Object.fromEntries(ofStages),
    Object.fromEntries(ofSteps),
    [...lists].sort(),
  ] as unknown as JsonValue);
}
