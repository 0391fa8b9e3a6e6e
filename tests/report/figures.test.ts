/** What holds of every figure: its legend is its marks, its axes say their scale, its series can be told apart. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Spec } from '../../src/report/chart.ts';
import { LEGEND } from '../../src/report/figures/legend.ts';
import { COLOURED } from '../../src/report/figures/series.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { OVERVIEW_FIGURE, QUESTIONS } from '../../src/report/registry.ts';
import { GREY, INK, SOFT } from '../../src/report/theme.ts';
import { floorScale } from '../../src/report/above-floor.ts';
import { lateSuperWeights } from '../../src/report/figures/late-super-weights.ts';
import { lossCurves } from '../../src/report/figures/loss-curves.ts';
import { rankMarginEffect } from '../../src/report/figures/rank-margin-effect.ts';
import { qualityGroups } from '../../src/report/topics/quality.ts';
import { controlsResults } from './controls-fixture.ts';
import { A, resultsOf, UNPRUNED } from './sentences-study.ts';

interface Drawn {
  name: string;
  caption: string;
  spec: Spec;
}

/** Every view of a specification, from the outside in. */
function views(spec: Spec): Spec[] {
  const parts = ['layer', 'concat', 'hconcat', 'vconcat'].flatMap((key) => (spec[key] as Spec[] | undefined) ?? []);
  return [spec, ...parts.flatMap(views)];
}

/** What a reader tells a mark by: a stroke by colour and dash, a ground by colour, a shape by all it has. */
function look(mark: Spec): string {
  const { type, shape, color, fill, filled, opacity, strokeDash } = mark;
  if (type === 'rule' || type === 'line') return ['stroke', color, String(strokeDash), opacity].join(' ');
  if (type === 'rect' || type === 'area') return ['ground', color ?? fill].join(' ');
  if (type === 'tick') return ['tick', color].join(' ');
  return ['shape', shape, color, filled, opacity].join(' ');
}

const marksOf = (spec: Spec) =>
  views(spec)
    .flatMap(({ mark }) => (mark === undefined ? [] : [mark as Spec]))
    .filter(({ type }) => type !== 'text');

describe('the figures', () => {
  let figures: Drawn[];
  let results: StudyResults;
  beforeAll(async () => {
    results = (await controlsResults()) as unknown as StudyResults;
    figures = [OVERVIEW_FIGURE, ...QUESTIONS.flatMap((page) => page.figures)].flatMap(({ entry, ids }) => {
      const figure = entry.draw(results);
      return figure.plots.map(({ name, spec }) => ({ name: ids.get(name)!, caption: figure.caption, spec }));
    });
  });
  const legends = (spec: Spec) => views(spec).filter(({ description }) => description === LEGEND);

  it('draw every entry of a legend as the marks that it stands for, and no two entries alike', () => {
    let entries = 0;
    for (const { name, spec } of figures) {
      // A legend speaks of the view that it stands in: of a panel, or of all panels.
      const holders = views(spec).filter((view) =>
        ((view['vconcat'] as Spec[] | undefined) ?? []).some(({ description }) => description === LEGEND),
      );
      expect(holders.length, name).toBe(legends(spec).length);
      for (const holder of holders) {
        const parts = holder['vconcat'] as Spec[];
        const plot = new Set(
          parts
            .filter((part) => part['description'] !== LEGEND)
            .flatMap(marksOf)
            .map(look),
        );
        const own = parts
          .filter((part) => part['description'] === LEGEND)
          .flatMap(marksOf)
          .map(look);
        entries += own.length;
        expect(
          own.filter((entry) => !plot.has(entry)),
          `${name}: in the legend, not in the plot`,
        ).toEqual([]);
        expect(own, `${name}: one mark, one meaning`).toEqual([...new Set(own)]);
      }
    }
    expect(entries).toBeGreaterThan(40);
  });

  it('say of every logarithmic axis that it is one', () => {
    let axes = 0;
    for (const { name, spec } of figures)
      for (const { encoding } of views(spec))
        for (const channel of ['x', 'y']) {
          const { scale, axis } = ((encoding as Record<string, Spec> | undefined)?.[channel] ?? {}) as Record<
            string,
            Spec
          >;
          if (!String(scale?.['type']).includes('log') || axis?.['title'] === undefined || axis['title'] === null)
            continue;
          axes += 1;
          expect([axis['title']].flat().join(' '), name).toMatch(/\blog\b|logarithm/);
        }
    expect(axes).toBeGreaterThan(20);
  });

  it('draw no more series in colour than can be told apart, and say which are grey', () => {
    const { spec, caption } = figures.find(({ name }) => name === '3c-sparsity-perplexity')!;
    const [legend] = legends(spec);
    const colours = new Set(marksOf(legend!).map(({ color }) => color));
    for (const neutral of [GREY, INK, SOFT]) colours.delete(neutral);
    expect(colours.size).toBe(COLOURED);
    expect(caption).toMatch(/In colour: the 6 arms that end highest; in grey, and in the data: .+\./);
  });

  it('draw arms that are the same computations once, with all their names', () => {
    expect(results.experiments.find(({ id }) => id === 'G1-protect')?.sameAs).toBe('G1');
    for (const { name, spec } of figures.filter(({ name }) => !/differences|budget/.test(name))) {
      const text = JSON.stringify(spec);
      if (!text.includes('"G1"') && !text.includes('G1 = ')) continue;
      expect(text, name).toContain('G1 = G1-protect');
      expect(text, name).not.toMatch(/"(?:text|label|line|name)":"G1-protect"/);
    }
  });
});

it('draw no panel for an arm that has nothing of what they show', () => {
  const results = resultsOf([A, { ...A, id: 'B', fractions: [0.3, 0.3] }], (_study, { superWeights }) => {
    for (const { label, content } of superWeights)
      if (label.experiment === 'B') for (const weight of content!.survival) weight.margin = null;
  });
  const panels = Object.fromEntries(
    rankMarginEffect
      .draw(results)
      .plots.map(({ name, spec }) => [name, views(spec).flatMap((view) => (view['concat'] as Spec[]) ?? []).length]),
  );
  expect(panels).toEqual({ rank: 2, margin: 1, effect: 2 });
});

it('draw an arm once that is another one under a second name', () => {
  const random = { ...A, id: 'random', fractions: [0.3, 0.3] };
  const results = resultsOf([A, { ...A, id: 'A-kept', twinOf: 'A' }, random, UNPRUNED], (study) => {
    study.comparisons = [
      {
        ...{ name: 'share', question: '?', topic: 'quality', family: 'share', accept: {} },
        ...{ arms: ['A', 'random'], varies: ['prune.fraction'], metrics: ['loss'] },
      },
    ];
  });
  expect(qualityGroups(results).map(({ ids }) => ids)).toEqual([['A', 'random']]);
});

it('measure losses of a text from the lowest that they show, a mean as well', () => {
  const scale = floorScale([{ loss: 4, excess: null }], [3.5]);
  expect([scale.above({ loss: 4, excess: null }), scale.aboveMean(3.5, null)]).toEqual([0.5, 0]);
});

it('label the worst weight beside its bar where it stands out, else above all bars', () => {
  const labelled = (effects: readonly number[]) => {
    const results = resultsOf([A], (_study, { superWeights }) => {
      for (const { content } of superWeights)
        content!.ablation.forEach((weight, i) => (weight.effect = effects[i] ?? -0.001));
    });
    const data = OVERVIEW_FIGURE.entry
      .draw(results)
      .plots.flatMap(({ spec }) => views(spec))
      .flatMap((view) => (view['data'] as { values: { effect: number; lines?: string }[] } | undefined)?.values ?? []);
    return data.find(({ lines }) => lines !== undefined)!.effect;
  };
  expect(labelled([2, 0.1])).toBe(2);
  expect(labelled([0.003, 0.002])).toBeGreaterThan(0.004);
});

it('lines of runs carry their seeds, those that end together in one label', () => {
  const labels = (results: StudyResults) => {
    const effect = rankMarginEffect.draw(results).plots.find(({ name }) => name === 'effect')!;
    return views(effect.spec).flatMap(({ mark, data, encoding }) =>
      (mark as Spec | undefined)?.['type'] === 'text' && (encoding as Spec)['text'] !== undefined
        ? ((data as { values: { seeds?: string }[] }).values ?? []).flatMap(({ seeds }) => seeds ?? [])
        : [],
    );
  };
  const ending = (effects: number[]) =>
    resultsOf([A], (_study, { superWeights }) => {
      for (const { label, content } of superWeights)
        for (const weight of content!.survival) weight.effect = effects[label.seed]!;
    });
  expect(labels(ending([0.1, 2, 2.01])).toSorted()).toEqual(['0', '1, 2']);
  expect(labels(ending([2, 2, 2.01])), 'they would tell nothing apart').toEqual([]);
});

it('loss curves have a panel for every experiment that was trained, and name those that were not', () => {
  const results = resultsOf([A, UNPRUNED], (_study, { curves }) => {
    for (const piece of curves) if (piece.label.experiment === 'unpruned') piece.content = undefined;
  });
  const { caption, plots } = lossCurves.draw(results);
  expect(caption).toContain('No training of unpruned left a curve. Training loss');
  expect(views(plots[0]!.spec).flatMap((view) => (view['concat'] as Spec[] | undefined) ?? [])).toHaveLength(1);
});

it('super weights that appear later are drawn where none was there to follow, controls included', () => {
  const scratch = { ...A, id: 'X', scheme: 'xavier', holds: [] };
  const results = resultsOf([A, scratch, { ...scratch, id: 'Y' }], (_study, { superWeights }) => {
    const { confirmed, candidates } = superWeights.find(({ label }) => label.experiment === 'A')!.content!;
    for (const { label, content } of superWeights)
      if (label.experiment === 'X' && label.seed === 1 && label.round === 3)
        Object.assign(content!, { confirmed, candidates });
  });
  const { plots, caption } = lateSuperWeights.draw(results);
  expect(caption).toContain('the unit of replication (3 runs)');
  const { rows } = plots[0]!;
  expect(new Set(rows.map(({ experiment }) => experiment))).toEqual(new Set(['X']));
  const confirmed = rows.filter(({ effect }) => effect !== null);
  expect(confirmed.map(({ seed, round }) => [seed, round])).toEqual([[1, 3]]);
  expect(confirmed[0]).toMatchObject({ confirmed: 1, effect: expect.any(Number) as number });
  expect(lateSuperWeights.draw(resultsOf([A, scratch])).plots).toEqual([]);
});
