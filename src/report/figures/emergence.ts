/** Emergence: when and where super weights appear in training. */
import { largest, smallest } from '../../base/extremes.ts';
import { groupBy } from '../../base/groups.ts';
import { listed } from '../../base/listed.ts';
import type { EmergencePoint } from '../../generated/results.ts';
import { paramOf } from '../../science/study-declaration.ts';
import { declarationOf, withoutCopies } from '../arms.ts';
import { inBrackets, ruleSentence, shortRuleText, thresholds } from '../causal-rule.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, SOFT } from '../theme.ts';
import { coordinateText, counted, decimal, signed } from '../wording.ts';
import { defineFigure, panelTitle, pointLayers, smallMultiples, titled, type Figure, type Row } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'When a super weight appears';

const CONFIRMED: MarkStyle = { shape: 'circle', color: BLUE, width: 1.2 };
const CANDIDATE: MarkStyle = { ...CONFIRMED, hollow: true };
const RUN: MarkStyle = { shape: 'line', color: FAINT, width: 1 };
const LEAST: MarkStyle = { shape: 'line', color: SOFT, dash: [4, 3], width: 1 };

export const emergence = defineFigure({
  plots: ['emergence'],
  shows: 'when a super weight appears in training',
  draw,
  finding: emergenceText,
});

function draw(results: StudyResults): Figure<'emergence'> {
  const points = trajectoriesOf(results).filter(({ step, confirmed }) => step !== null && confirmed !== null);
  if (points.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: no experiment of this profile follows emergence.', plots: [] };
  const experiments = [...new Set(points.map(({ experiment }) => experiment))];
  const runs = new Set(points.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  return {
    title: TITLE,
    caption:
      `During training from scratch or onwards: what zeroing the most harmful candidate costs (symmetric log), at each detection; one line a run, the unit of replication (${counted(runs, 'run')}). Filled: it was confirmed as a super weight; hollow: it was not; at 0 on the axis: there was no candidate. ` +
      `The weight behind a line may change from detection to detection: the data name it.${ruleSentence(results.study, experiments)}`,
    plots: [
      {
        name: 'emergence',
        alt: alt(experiments, points),
        spec: panels(results, experiments, points),
        rows: points.map(rowOf),
      },
    ],
  };
}

function rowOf({ experiment, scheme, seed, round, step, loss, confirmed, best }: EmergencePoint): Row {
  return {
    experiment,
    scheme,
    seed,
    round,
    step,
    loss,
    confirmed,
    tensor: best?.coordinate.tensor ?? null,
    row: best?.coordinate.row ?? null,
    col: best?.coordinate.col ?? null,
    value: best?.coordinate.value ?? null,
    effect: best?.effect ?? null,
    effectStandardError: best?.effectStandardError ?? null,
    rank: best?.rank ?? null,
    inputRatio: best?.inputRatio ?? null,
    outputRatio: best?.outputRatio ?? null,
  };
}

function panels(results: StudyResults, experiments: readonly string[], points: readonly EmergencePoint[]): Spec {
  const top = Math.max(0.3, largest(points.map(({ best }) => best?.effect ?? 0))) * 1.2;
  const bottom = Math.min(0, smallest(points.map(({ best }) => best?.effect ?? 0)));
  // One rule for all panels: where experiments differ in it, there is none.
  const minima = new Set(experiments.map((id) => paramOf(declarationOf(results, id), 'detect-sw', 'minimumEffect')));
  const minimum = minima.size === 1 ? [...minima][0] : undefined;
  const specs = experiments.map((id, i) => {
    const own = points.filter(({ experiment }) => experiment === id);
    const levels = thresholds(results.study, declarationOf(results, id), 'minimumEffect');
    const values = own.map(({ seed, step, best, confirmed }) => ({
      seed,
      step,
      effect: Math.max(best?.effect ?? 0, bottom),
      isConfirmed: isConfirmed({ confirmed }),
      label: `${id} seed ${seed}, step ${decimal(step!, 0)}: ${best === null ? 'no candidate' : `${coordinateText(best.coordinate)} ${signed(best.effect, 3, levels)} nats${best.rank === null ? '' : `, rank ${decimal(best.rank, 0)} by absolute value`}`}; ${counted(confirmed ?? 0, 'super weight')} confirmed`,
    }));
    const has = titled(i, experiments.length);
    const x = {
      field: 'step',
      type: 'quantitative',
      scale: { domain: [0, largest(own.map(({ step }) => step!)) * 1.03], nice: false },
      axis: { title: has.x ? 'cumulative step' : null, tickCount: 4, format: ',d', grid: false },
    };
    const y = {
      field: 'effect',
      type: 'quantitative',
      scale: { type: 'symlog', constant: 0.1, domain: [bottom, top], nice: false },
      axis: {
        title: has.y ? ['nats if zeroed', '(symmetric log)'] : null,
        values: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top),
        format: '.3~g',
      },
    };
    return {
      title: panelTitle(results, declarationOf(results, id)),
      layer: [
        ...(minimum === undefined
          ? []
          : [
              {
                data: { values: [{ effect: minimum }] },
                mark: ruleOf(LEAST),
                encoding: { y },
              },
            ]),
        {
          data: { values },
          mark: markOf(RUN),
          encoding: { x, y, detail: { field: 'seed', type: 'nominal' } },
        },
        ...pointLayers(
          values,
          ({ isConfirmed }) => (isConfirmed ? CONFIRMED : CANDIDATE),
          { x, y, description: { field: 'label', type: 'nominal' } },
          26,
        ),
      ],
    };
  });
  return {
    vconcat: [
      legend([
        ...(points.some(isConfirmed) ? [{ text: 'confirmed: a super weight', styles: [CONFIRMED] }] : []),
        ...(points.every(isConfirmed)
          ? []
          : [{ text: 'a candidate that is not confirmed, or none', styles: [CANDIDATE] }]),
        ...(minimum === undefined ? [] : [{ text: `least effect that counts (${String(minimum)})`, styles: [LEAST] }]),
      ]),
      smallMultiples(specs, 120),
    ],
    spacing: 10,
  };
}

function isConfirmed({ confirmed }: Pick<EmergencePoint, 'confirmed'>): boolean {
  return (confirmed ?? 0) > 0;
}

/** What was seen in each experiment's replicates: of runs that are one trajectory, the first one's points. */
function trajectoriesOf({ emergence }: StudyResults): EmergencePoint[] {
  const ofArms = groupBy(emergence, ({ experiment }) => experiment);
  return [...ofArms.values()].flatMap((own) =>
    withoutCopies(own.map((point) => ({ ...point, computation: point.run }))),
  );
}

/** The training step of a run's first detection with a confirmed super weight. */
function firstConfirmed(points: readonly EmergencePoint[], experiment: string, seed: number): number | undefined {
  const steps = points.flatMap((point) =>
    point.experiment === experiment && point.seed === seed && (point.confirmed ?? 0) > 0 && point.step !== null
      ? [point.step]
      : [],
  );
  return steps.length === 0 ? undefined : smallest(steps);
}

function alt(experiments: readonly string[], points: readonly EmergencePoint[]): string {
  const parts = experiments.map((id) => {
    const seeds = [...new Set(points.filter(({ experiment }) => experiment === id).map(({ seed }) => seed))];
    const steps = seeds.flatMap((seed) => firstConfirmed(points, id, seed) ?? []);
    return `${id}: confirmed in ${steps.length} of ${counted(seeds.length, 'run')}${steps.length === 0 ? '' : `, first at step ${decimal(smallest(steps), 0)}`}`;
  });
  return `Effect of the most harmful candidate by training step. ${parts.join('; ')}.`;
}

/** `one was confirmed in 2 of 3 runs (xavier, first at step 1,000)`, by experiment. */
function emergenceText(results: StudyResults): string {
  const known = trajectoriesOf(results).filter(({ confirmed }) => confirmed !== null);
  const experiments = [...new Set(known.map(({ experiment }) => experiment))];
  if (experiments.length === 0) return 'No experiment of this profile follows emergence.';
  const parts = experiments.map((id) => {
    const own = known.filter(({ experiment }) => experiment === id);
    const seeds = [...new Set(own.map(({ seed }) => seed))];
    const steps = seeds.flatMap((seed) => firstConfirmed(own, id, seed) ?? []);
    const when =
      steps.length === 0
        ? ''
        : `, first seen at step ${[...new Set([smallest(steps), largest(steps)])].map((step) => decimal(step, 0)).join(' to ')}`;
    return `${steps.length} of ${counted(seeds.length, 'run')} of ${id} (${own[0]!.scheme ?? 'unknown init'}${when})`;
  });
  return `A super weight was confirmed in the course of training in ${listed(parts)}; a detection sees only the steps at which it looked${inBrackets(shortRuleText(results.study, experiments))}.`;
}
