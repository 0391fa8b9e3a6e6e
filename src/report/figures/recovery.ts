/** Recovery: pruned positions that came back where the mask was released in training. */
import { largest, smallest } from '../../base/extremes.ts';
import { declarationOf, runsOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE } from '../theme.ts';
import { named, range } from '../topics/parts.ts';
import { counted, percent } from '../wording.ts';
import { defineFigure, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';

const TITLE = 'Recovery of pruned positions';

export const recovery = defineFigure({
  plots: ['recovery'],
  shows: 'which pruned positions came back where the mask was released',
  draw,
  finding: recoveryText,
});

function draw(results: StudyResults): Figure<'recovery'> {
  const known = results.recovery.flatMap(({ experiment, seed, round, pruned, recovered }) =>
    pruned === null || recovered === null || pruned === 0
      ? []
      : [{ experiment, seed, round, pruned, recovered, share: recovered / pruned }],
  );
  const released = [...new Set(known.filter(({ recovered }) => recovered > 0).map(({ experiment }) => experiment))];
  const shown = known.filter(({ experiment }) => released.includes(experiment));
  if (shown.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: no pruned position came back in any run.', plots: [] };
  return {
    title: TITLE,
    caption: `Of the positions pruned at the end of the round before, the share that this round's prune kept; one line a run, the unit of replication (${counted(new Set(shown.map(({ experiment, seed }) => `${experiment} ${seed}`)).size, 'run')}). Only where the mask is released in training can a position come back; elsewhere the share is 0 by construction and is not drawn.`,
    plots: [
      {
        name: 'recovery',
        alt: `Share of pruned positions that came back, by round. ${released.map((id) => `${id}: up to ${percent(largest(shown.filter(({ experiment }) => experiment === id).map(({ share }) => share)))}`).join('; ')}.`,
        spec: panels(results, released, shown),
        rows: shown,
      },
    ],
  };
}

function panels(
  results: StudyResults,
  ids: readonly string[],
  rows: { experiment: string; seed: number; round: number; share: number }[],
): Spec {
  const top = largest(rows.map(({ share }) => share)) * 1.12;
  return smallMultiples(
    ids.map((id, i) => {
      const has = titled(i, ids.length);
      const values = rows
        .filter(({ experiment }) => experiment === id)
        .map((row) => ({
          ...row,
          label: `${id} seed ${row.seed}, round ${row.round}: ${percent(row.share)} came back`,
        }));
      const rounds = values.map(({ round }) => round);
      const x = {
        field: 'round',
        type: 'quantitative',
        scale: { domain: [smallest(rounds) - 0.4, largest(rounds) + 0.4], nice: false, zero: false },
        axis: { title: has.x ? 'round' : null, tickMinStep: 1, tickCount: 6, format: 'd', grid: false },
      };
      const y = {
        field: 'share',
        type: 'quantitative',
        scale: { domain: [0, top], nice: false },
        axis: { title: has.y ? 'share that came back' : null, tickCount: 4, format: '~%' },
      };
      return {
        title: panelTitle(results, declarationOf(results, id)),
        layer: [
          {
            data: { values },
            mark: { type: 'line', strokeWidth: 1, opacity: 0.6, color: BLUE, aria: false },
            encoding: { x, y, detail: { field: 'seed', type: 'nominal' } },
          },
          {
            data: { values },
            mark: { type: 'point', filled: true, size: 26, color: BLUE, opacity: 1 },
            encoding: { x, y, description: { field: 'label', type: 'nominal' } },
          },
        ],
      };
    }),
    110,
  );
}

/** Of the experiments in some run of which a position came back: elsewhere the mask was enforced. */
function recoveryText(results: StudyResults): string {
  const measured = results.recovery.flatMap(({ experiment, seed, pruned, recovered }) =>
    pruned === null || recovered === null || pruned === 0 ? [] : [{ experiment, seed, share: recovered / pruned }],
  );
  const released = new Set(measured.filter(({ share }) => share > 0).map(({ experiment }) => experiment));
  const known = measured.filter(({ experiment }) => released.has(experiment));
  if (known.length === 0) return 'No pruned position came back in any run.';
  const runs = new Set(
    known.map(({ experiment, seed }) => runsOf(results, experiment).find((run) => run.seed === seed)!.computation),
  ).size;
  return `Where pruned positions came back (${named([...released])}; n = ${counted(runs, 'distinct run')}), each prune kept ${range(
    known.map(({ share }) => share),
    (share, apart) => percent(share, 2, apart),
  )} of the positions pruned before it.`;
}
