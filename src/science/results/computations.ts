/**
 * Which measurements are one computation, whatever seeds and arms name them: the unit in which everything is counted.
 *
 * Equal keys are not asked for. A seed that a step does not use is in its key all the same, and an arm may ask for
 * something that changes nothing: then other nodes leave equal artifacts. So two measurements are one computation if
 * all that was measured of both is equal to the bit. A missing artifact tells nothing, unless both have the same key.
 */
import { digestJson } from '../../base/digest.ts';
import { addTo, groupBy } from '../../base/groups.ts';
import type { JsonValue } from '../../base/json.ts';
import type { Measurement, Phase, RunResult, SurvivalResult } from '../../generated/results.ts';
import { inOrderOfTime, type PhaseOf, type Piece, type StudyPieces } from './study-pieces.ts';

/** Artifacts that hold measurements: what a prune or a training reports of itself is no measurement of a model. */
const MEASURED = ['evaluations', 'superWeights'] as const;
type Measured = (typeof MEASURED)[number];

interface Moment {
  experiment: string;
  seed: number;
  round: number;
  phase: Phase;
}

/** What is known of one computation. */
interface Computation {
  name: string;
  /** Digests of the artifacts of it that exist. */
  contents: Partial<Record<Measured, string>>;
}

/**
 * Names the computation behind every measured moment: after the first moment that is it, in the order of the runs and
 * then of time (`A1/s0/r0/start`).
 * @param runs every declared run, in order
 */
export class Computations {
  readonly #names = new Map<string, string>();

  constructor(
    runs: readonly { experiment: string; seed: number }[],
    pieces: Pick<StudyPieces, Measured>,
    phaseOf: PhaseOf,
  ) {
    const measured = new Map<string, { moment: Moment; pieces: Map<Measured, Piece<unknown>> }>();
    for (const kind of MEASURED)
      for (const piece of pieces[kind]) {
        const { experiment, seed, round } = piece.label;
        const moment: Moment = { experiment, seed, round, phase: phaseOf(piece.label) };
        const place = momentName(moment);
        const known = measured.get(place);
        if (known === undefined) measured.set(place, { moment, pieces: new Map([[kind, piece]]) });
        else known.pieces.set(kind, piece);
      }
    const ofRun = groupBy(measured.values(), ({ moment }) => runName(moment));
    /** By what tells that a moment may be the same: a digest of an artifact, or its key. */
    const known = new Map<string, Computation[]>();
    for (const run of runs)
      for (const each of (ofRun.get(runName(run)) ?? []).sort((a, b) => inOrderOfTime(a.moment, b.moment)))
        this.#names.set(momentName(each.moment), computationOf(momentName(each.moment), each.pieces, known).name);
  }

  /** Undefined where nothing was planned to be measured. */
  nameOf(moment: Moment): string | undefined {
    return this.#names.get(momentName(moment));
  }
}

/** The known computation of a moment, or a new one. */
function computationOf(
  name: string,
  pieces: ReadonlyMap<Measured, Piece<unknown>>,
  known: Map<string, Computation[]>,
): Computation {
  const contents: Computation['contents'] = {};
  const signs: string[] = [];
  for (const [kind, { key, content }] of pieces) {
    if (content !== undefined) signs.push(`${kind} ${(contents[kind] = digestJson(content as JsonValue))}`);
    signs.push(`${kind} key ${key}`);
  }
  const isSame = (other: Computation) =>
    MEASURED.every(
      (kind) =>
        contents[kind] === undefined || other.contents[kind] === undefined || contents[kind] === other.contents[kind],
    );
  const found = signs.flatMap((sign) => known.get(sign) ?? []).find(isSame);
  const computation = found ?? { name, contents };
  computation.contents = { ...contents, ...computation.contents };
  for (const sign of signs) if (!known.get(sign)?.includes(computation)) addTo(known, sign, computation);
  return computation;
}

/** As a run is named everywhere: `A1/s0`. */
export function runName({ experiment, seed }: { experiment: string; seed: number }): string {
  return `${experiment}/s${seed}`;
}

function momentName(moment: Moment): string {
  return `${runName(moment)}/r${moment.round}/${moment.phase}`;
}

/**
 * By name of a run, that of the first run which is the same computation from its first measurement to its last; a run
 * of which nothing was planned to be measured is like no other.
 */
export function sameRuns(
  runs: readonly Pick<RunResult, 'experiment' | 'seed' | 'measurements'>[],
): Map<string, string> {
  const firsts = new Map<string, string>();
  return new Map(
    runs.map((run) => {
      const name = runName(run);
      if (run.measurements.length === 0) return [name, name];
      const course = JSON.stringify(
        run.measurements.map(({ round, phase, computation }) => [round, phase, computation]),
      );
      const first = firsts.get(course) ?? name;
      firsts.set(course, first);
      return [name, first];
    }),
  );
}

/**
 * By experiment, the one that holds all of its computations: of an arm that never acted, its twin. Of equal ones it is
 * the first in order of declaration; an experiment without a twin is not there.
 */
export function twins(runs: readonly Pick<RunResult, 'experiment' | 'computation'>[]): Map<string, string> {
  const experiments = [...groupBy(runs, ({ experiment }) => experiment)].map(([id, own], place) => ({
    id,
    place,
    computations: new Set(own.map(({ computation }) => computation)),
  }));
  const holding = new Map<string, typeof experiments>();
  for (const experiment of experiments)
    for (const computation of experiment.computations) addTo(holding, computation, experiment);
  const found = new Map<string, string>();
  for (const { id, place, computations } of experiments) {
    const [any] = computations;
    const twin = (any === undefined ? [] : holding.get(any)!)
      .filter((other) => [...computations].every((each) => other.computations.has(each)))
      .sort((a, b) => b.computations.size - a.computations.size || a.place - b.place)[0];
    if (twin !== undefined && twin.place !== place) found.set(id, twin.id);
  }
  return found;
}

/** One item, or several of which all are the same computation. */
export type Same<Item> = [Item, ...Item[]];

/**
 * Items by what computation they are; items of which nothing was planned to be measured are one each.
 * @param measured the measurement that an item is counted by
 */
export function distinct<Item>(
  items: readonly Item[],
  measured: (item: Item) => Pick<Measurement, 'computation'> | undefined,
): Same<Item>[] {
  const groups = groupBy(items, (item) => measured(item)?.computation ?? Symbol('not measured'));
  return [...groups.values()] as Same<Item>[];
}

/** What is known of a computation: of its items the first of which it is known says it. */
export function known<Item, Value>(same: Same<Item>, of: (item: Item) => Value | null | undefined): Value[] {
  for (const item of same) {
    const value = of(item);
    if (value !== undefined && value !== null) return [value];
  }
  return [];
}

/** The fate of the reference super weights in a computation; undefined where nothing was planned to be measured. */
export function survivalOf(same: Same<Pick<Measurement, 'survival'> | undefined>): SurvivalResult | undefined {
  const [found] = known(same, (measured) => (measured?.survival.status === 'missing' ? null : measured?.survival));
  return found ?? same[0]?.survival;
}
