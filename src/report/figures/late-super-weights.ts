/** Super weights that are confirmed in runs in which none was there to follow, look by look. */
import { largest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { RunResult } from '../../generated/results.ts';
import { declarationOf, distinct, replicatesOf } from '../arms.ts';
import { ruleSentence } from '../causal-rule.ts';
import type { Spec } from '../chart.ts';
import { lateEmergence, lateEmergenceText } from '../late-emergence.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE } from '../theme.ts';
import { named } from '../topics/parts.ts';
import { coordinateText, counted, signed } from '../wording.ts';
import { defineFigure, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import type { MarkStyle } from './mark-style.ts';
import { roundChannel, withinRun } from './run-axis.ts';
import { placeOf, runLines } from './run-lines.ts';

const TITLE = 'Super weights that appear later';
const PANEL_HEIGHT = 120;
/** Experiments that are drawn; the data hold all. */
const DRAWN = 9;

const CONFIRMED: MarkStyle = { shape: 'circle', color: BLUE, width: 1.2 };
const NONE: MarkStyle = { shape: 'triangle-down', color: BLUE, hollow: true, width: 1.2 };

/** On the page about initialisations: mostly arms that start from scratch. */
export const lateSuperWeights = defineFigure({
  plots: ['later'],
  shows: 'super weights that are confirmed in runs in which none was there to follow, look by look',
  draw,
  finding: (results) => lateEmergenceText(results, armsWithLate(results)).trim(),
});

function draw(results: StudyResults): Figure<'later'> {
  const arms = armsWithLate(results);
  if (arms.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: where none was there at first, none came later.', plots: [] };
  const rows = arms.flatMap(({ id }) => replicatesOf(results, id).flatMap(rowsOf));
  const runs = new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  const drawn = arms.slice(0, DRAWN);
  const others = arms.slice(DRAWN).map(({ id }) => id);
  return {
    title: TITLE,
    caption: `What zeroing the largest super weight that is confirmed at a look costs (symmetric log), in runs in which none was there to follow; at 0 where none is confirmed. One line a run, with its seed at the end, the unit of replication (${counted(runs, 'run')}); the weight behind a line may change: the data name it.${others.length === 0 ? '' : ` Not drawn, but in the data: ${named(others)}.`}${ruleSentence(
      results.study,
      arms.map(({ id }) => id),
    )}`,
    plots: [
      {
        name: 'later',
        alt: `Small multiples, one per experiment, of what zeroing the largest confirmed super weight costs by round, 0 where there is none. ${lateEmergenceText(results, arms).trim()}`,
        spec: panels(results, drawn, rows),
        rows,
      },
    ],
  };
}

/** Arms, controls among them, in which one appeared after none was there; of arms that are one, the first. */
function armsWithLate(results: StudyResults): ExperimentDeclaration[] {
  const ids = results.study.experiments
    .filter(({ id, role }) => role !== 'emergence' && lateEmergence(results, [id]).emerged > 0)
    .map(({ id }) => id);
  return distinct(results, ids).map((id) => declarationOf(results, id));
}

type LookRow = ReturnType<typeof rowsOf>[number];

/** One row a look, from the one that found none; none of a run that follows something. */
function rowsOf({ experiment, seed, reference, measurements }: RunResult) {
  if (reference.status !== 'none-emerged') return [];
  return measurements.flatMap(({ round, phase, step, sparsity, detection, keys }) => {
    const found = detection?.confirmed ?? undefined;
    if (found === undefined) return [];
    const [best] = found.toSorted((a, b) => b.effect - a.effect);
    return [
      {
        ...{ experiment, seed, round, phase, step, sparsity },
        confirmed: found.length,
        tensor: best?.coordinate.tensor ?? null,
        row: best?.coordinate.row ?? null,
        col: best?.coordinate.col ?? null,
        value: best?.coordinate.value ?? null,
        effect: best?.effect ?? null,
        effectStandardError: best?.effectStandardError ?? null,
        place: best === undefined ? null : coordinateText(best.coordinate),
        key: keys['superWeights'] ?? null,
      },
    ];
  });
}

function panels(results: StudyResults, arms: readonly ExperimentDeclaration[], rows: readonly LookRow[]): Spec {
  const top = Math.max(0.3, largest(rows.map(({ effect }) => effect ?? 0))) * 1.15;
  const scale = { type: 'symlog', constant: 0.1, domain: [0, top], nice: false };
  const specs = arms.map((arm, i) => {
    const apart = 0.014 * (arm.rounds + 1);
    const marks = rows
      .filter(({ experiment }) => experiment === arm.id)
      .map((row) => ({
        ...row,
        cost: row.effect ?? 0,
        line: String(row.seed),
        at: withinRun(row) + apart * (arm.seeds.indexOf(row.seed) - (arm.seeds.length - 1) / 2),
        label: `seed ${row.seed}, round ${row.round} ${row.phase}: ${row.place === null ? 'none confirmed' : `${row.place}, ${signed(row.effect!, 3)} nats if zeroed`}`,
      }));
    const has = titled(i, arms.length);
    const x = roundChannel(arm.rounds, has.x);
    const y = {
      field: 'cost',
      type: 'quantitative',
      scale,
      axis: {
        values: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top),
        labelOverlap: false,
        format: '~g',
        title: has.y ? ['nats if zeroed', '(symmetric log)'] : null,
      },
    };
    return {
      title: panelTitle(results, arm),
      layer: [
        ...runLines(
          marks,
          { x, y },
          {
            styleOf,
            rounds: arm.rounds,
            placeOfMark: ({ cost }) => placeOf(cost, scale, PANEL_HEIGHT),
          },
        ),
      ],
    };
  });
  return {
    vconcat: [
      legend([
        { text: 'a super weight is confirmed', styles: [CONFIRMED] },
        { text: 'none is', styles: [NONE] },
      ]),
      smallMultiples(specs, PANEL_HEIGHT),
    ],
    spacing: 10,
  };
}

function styleOf({ confirmed }: Pick<LookRow, 'confirmed'>): MarkStyle {
  return confirmed > 0 ? CONFIRMED : NONE;
}
