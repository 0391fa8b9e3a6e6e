/** Joint sets of the reference detections, and what became of them by arm and round. */
import { listed } from '../../base/listed.ts';
import type { JointSet, JointSetSurvival, Measurement, WeightCoordinate } from '../../generated/results.ts';
import { namesOf, replicatesOf } from '../arms.ts';
import type { StudyResults } from '../read-results.ts';
import { range } from '../topics/parts.ts';
import { coordinateText, decimal, signed } from '../wording.ts';
import { effectText } from '../zeroing.ts';
import { html, table, type Html } from './html.ts';

/** One row a set that was zeroed together in a reference model. Nothing if there is none. */
export function jointSetsTable({ runs }: StudyResults): Html | '' {
  const found = new Map<string, { seeds: Set<number>; experiments: Set<string>; set: JointSet }>();
  for (const { experiment, seed, reference } of runs)
    for (const set of reference.jointSets ?? []) {
      const identity = JSON.stringify([reference.key, membersText(set.members)]);
      const known = found.get(identity) ?? { seeds: new Set(), experiments: new Set(), set };
      known.seeds.add(seed);
      known.experiments.add(experiment);
      found.set(identity, known);
    }
  const items = [...found.values()];
  if (items.length === 0) return '';
  return table<(typeof items)[number]>(
    'Weights that were zeroed together in the reference models: those that may make up for one another, so that each costs little alone. ± is the standard error over the sequences on which zeroing was judged.',
    [
      {
        head: 'model',
        cell: ({ seeds, experiments }) =>
          html`${seeds.size === 1 ? 'seed' : 'seeds'} ${listed([...seeds].map(String))}<small
              >${[...experiments].join(', ')}</small
            >`,
      },
      { head: 'set', cell: ({ set }) => membersText(set.members) },
      {
        head: 'together it costs',
        numeric: true,
        cell: ({ set }) => effectText(set.effect, set.effectStandardError),
      },
      { head: 'one by one', numeric: true, cell: ({ set }) => decimal(set.sumOfEffects, 3) },
      { head: 'worst matched set', numeric: true, cell: ({ set }) => signed(set.worstControl, 3) },
      { head: 'joint', cell: ({ set }) => (set.confirmed ? 'yes' : 'no') },
      { head: 'verdict', prose: true, cell: ({ set }) => set.verdict },
    ],
    items,
  );
}

/** What became of the joint sets that were confirmed: one row an arm, set and measured moment. Nothing without one. */
export function jointSurvivalTable(results: StudyResults): Html | '' {
  const items = results.study.experiments.flatMap(({ id }) => momentsOf(results, id));
  if (items.length === 0) return '';
  return table<(typeof items)[number]>(
    'What became of the joint sets, over distinct runs. Its function is lost with the last member of a set, not with the first. Not sought: only the known places were tested.',
    [
      { head: 'experiment', cell: ({ id }) => namesOf(results, id) },
      { head: 'set', cell: ({ all }) => membersText(all[0]!.members) },
      { head: 'round', cell: ({ round, phase }) => (phase === 'start' ? 'start' : `${round}, ${phase}`) },
      {
        head: 'members kept',
        numeric: true,
        cell: ({ all }) =>
          html`${range(
            all.map(({ kept }) => kept),
            (kept) => decimal(kept, 0),
          )}
          of ${all[0]!.members.length}`,
      },
      {
        head: 'zeroing what is left costs',
        numeric: true,
        cell: ({ all }) =>
          range(
            all.map(({ effect }) => effect),
            (effect, apart) => decimal(effect, 3, apart),
          ),
      },
      {
        head: 'still matters',
        numeric: true,
        cell: ({ all }) => `${all.filter(({ functional }) => functional).length}/${all.length}`,
      },
      { head: 'found again', numeric: true, cell: ({ all }) => foundAgain(all) },
    ],
    items,
  );
}

interface JointMoment extends Pick<Measurement, 'round' | 'phase'> {
  id: string;
  /** Of each distinct run that was measured there. */
  all: JointSetSurvival[];
}

function momentsOf(results: StudyResults, id: string): JointMoment[] {
  const moments = new Map<string, JointMoment>();
  for (const { measurements } of replicatesOf(results, id))
    for (const { round, phase, jointSurvival = [] } of measurements)
      for (const set of jointSurvival) {
        const identity = JSON.stringify([membersText(set.members), round, phase]);
        const moment = moments.get(identity) ?? { id, round, phase, all: [] };
        moment.all.push(set);
        moments.set(identity, moment);
      }
  return [...moments.values()];
}

function foundAgain(all: readonly JointSetSurvival[]): string {
  const sought = all.filter(({ redetected }) => redetected !== null);
  return sought.length === 0
    ? 'not sought'
    : `${sought.filter(({ redetected }) => redetected).length}/${sought.length}`;
}

/** `layer 11 down_proj [507, 1229] and [507, 1487]`. */
function membersText([first, ...others]: readonly WeightCoordinate[]): string {
  return listed([coordinateText(first!), ...others.map(({ row, col }) => `[${row}, ${col}]`)]);
}
