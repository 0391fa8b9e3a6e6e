/** Logarithmic axes where something has no logarithm: it stands at the end, and all others keep their places. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawSvg } from '../../src/report/chart.ts';
import { perplexity } from '../../src/report/figures/perplexity.ts';
import { qualityCost } from '../../src/report/figures/quality-cost.ts';
import { remainingAxis } from '../../src/report/figures/remaining-axis.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { OVERVIEW_FIGURE, QUESTIONS } from '../../src/report/registry.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { ARMS, fixturePieces, fixtureStudy, repeat, type FixtureArm } from './study-fixture.ts';

const arm = (id: string, more: Partial<FixtureArm> = {}): FixtureArm => ({
  id,
  description: '',
  steps: repeat(60, 6),
  fractions: repeat(0.1, 5),
  ...more,
});
const CONTROL = arm('unpruned', { role: 'positive-control', fractions: repeat(0, 5) });

function resultsOf(arms: FixtureArm[], comparisons: unknown[] = []): StudyResults {
  const study = { ...fixtureStudy(arms), comparisons } as ReturnType<typeof fixtureStudy>;
  return studyResults(study, fixturePieces(arms)) as unknown as StudyResults;
}

/** Horizontal places of the points whose description begins so, in pixels, left to right. */
async function placesOf(results: StudyResults, label: string) {
  const { plots } = qualityCost.draw(results);
  const svg = await drawSvg(plots[0]!.spec, plots[0]!.name);
  expect(svg).not.toMatch(/NaN|Infinity/);
  const points = svg.matchAll(/transform="translate\((-?[\d.]+),-?[\d.]+\)"[^>]*><title>([^<]*)/g);
  return { svg, places: [...points].filter(([, , title]) => title!.startsWith(label)).map(([, x]) => Number(x)) };
}

describe('sparsity by what remains', () => {
  it('puts an arm that is pruned whole at the end, under its own label, and leaves the others their scale', async () => {
    const without = resultsOf([arm('A1'), CONTROL]);
    const results = resultsOf([arm('A1'), arm('all'), CONTROL]);
    pruneWhole(results, 'all');
    const usual = await placesOf(without, 'A1 seed');
    const { svg, places } = await placesOf(results, 'A1 seed');
    const spread = (xs: number[]) => Math.max(...xs) - Math.min(...xs);
    expect(places.length).toBe(usual.places.length);
    expect(spread(places)).toBeGreaterThan(0.3 * spread(usual.places));
    expect(svg).toContain('>100 %<');
    const whole = (await placesOf(results, 'all seed')).places;
    expect(Math.max(...whole)).toBeGreaterThan(Math.max(...places));
  });

  it('has places that rise with sparsity and ticks that differ, whatever the sparsities are', () => {
    const sparsity = fc.oneof(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(0, 1, 1 - 2 ** -53, 0.999999),
    );
    fc.assert(
      fc.property(fc.array(sparsity, { maxLength: 8 }), (sparsities) => {
        const { channel, place } = remainingAxis(sparsities);
        const { scale, axis } = channel as {
          scale: { domain: [number, number] };
          axis: { values: number[]; labelExpr: string };
        };
        const [high, low] = scale.domain;
        for (const value of [high, low, ...axis.values, ...sparsities.map(place)])
          expect(value > 0 && value <= high && value >= low).toBe(true);
        const rising = [...sparsities].sort((a, b) => a - b).map(place);
        expect(rising).toEqual([...rising].sort((a, b) => b - a));
        const labels = [...axis.labelExpr.matchAll(/: '([^']*)'/g)].map(([, text]) => text);
        expect(new Set(labels).size).toBe(labels.length);
      }),
    );
  });
});

it('an arm that lost whole nats does not press those of other panels flat', async () => {
  const arms = ['A1', 'A2', 'B1', 'B2'].map((id) => arm(id, { fractions: repeat(id.endsWith('1') ? 0.1 : 0.2, 5) }));
  const asked = (arms: string[]) => ({
    ...{ name: arms[0], question: '?', topic: 'quality', arms, varies: ['prune.fraction'], metrics: ['loss'] },
    ...{ accept: {}, family: arms[0], test: 'sign-flip' },
  });
  const pairs = [asked(['A1', 'A2']), asked(['B1', 'B2'])];
  const ticks = async (results: StudyResults) => {
    const [plot] = qualityCost.draw(results).plots;
    const panels = (await drawSvg(plot!.spec, plot!.name)).split('and its variants<');
    return ['A1', 'B1'].map((_, at) => panels[at + 1]!.includes('>3</text>'));
  };
  const results = resultsOf([...arms, CONTROL], pairs);
  alterLosses(results, 'B2', (loss) => loss + 4);
  expect(await ticks(results)).toEqual([false, true]);
});

it('draws no panel of arms that had nothing to prune', async () => {
  const nothing = { role: 'ablation', fractions: repeat(0, 5) } as const;
  const arms = [arm('A1'), arm('cut', nothing), arm('cut-restored', nothing), CONTROL];
  const asked = {
    name: 'restored',
    question: '?',
    topic: 'quality',
    arms: ['cut', 'cut-restored'],
    varies: [],
    metrics: ['loss'],
    accept: {},
  };
  const [plot] = qualityCost.draw(resultsOf(arms, [{ ...asked, family: 'restored', test: 'sign-flip' }])).plots;
  const svg = await drawSvg(plot!.spec, plot!.name);
  expect(svg).toContain('A1');
  expect(svg).not.toContain('cut and its variants');
});

/** Results as no study of the fixture has them, which a report may meet all the same. */
const EXTREMES: [string, (results: StudyResults) => void][] = [
  [
    'one arm is pruned whole, another has lost all it knew, and effects are as low as numbers go',
    (results) => {
      pruneWhole(results, 'ladder');
      alterLosses(results, 'A1', () => 1e300);
      alterWeights(results, { effect: -1e300, margin: 1e300, rank: 1 });
    },
  ],
  [
    'all losses are equal, below the floor, and effects and margins are 0',
    (results) => {
      alterLosses(results, undefined, () => 2);
      alterWeights(results, { effect: 0, margin: 0 });
    },
  ],
];

function measurementsOf({ runs }: StudyResults, id?: string) {
  return runs.filter(({ experiment }) => id === undefined || experiment === id).flatMap((run) => run.measurements);
}

function pruneWhole(results: StudyResults, id: string): void {
  for (const measured of measurementsOf(results, id)) if (measured.level > 0) measured.sparsity = 1;
  for (const experiment of results.experiments)
    if (experiment.id === id)
      for (const point of experiment.points) if (point.level > 0) point.sparsity = { n: 3, mean: 1, sd: 0 };
}

function alterLosses(results: StudyResults, id: string | undefined, change: (loss: number) => number): void {
  for (const { evaluation } of measurementsOf(results, id))
    if (evaluation !== null)
      Object.assign(evaluation, {
        loss: change(evaluation.loss),
        perplexity: Math.min(1e300, Math.exp(change(evaluation.loss))),
      });
}

function alterWeights(results: StudyResults, values: object): void {
  for (const { survival } of measurementsOf(results))
    for (const weight of survival.weights) Object.assign(weight, values);
}

it('a model that has lost all it knew stands beyond the end of the axis of perplexity, which the others keep', async () => {
  const heights = async (results: StudyResults) => {
    const svg = await drawSvg(perplexity.draw(results).plots[0]!.spec, 'perplexity');
    const points = [...svg.matchAll(/transform="translate\(-?[\d.]+,(-?[\d.]+)\)"[^>]*><title>A1, retrained/g)];
    const ys = points.map(([, y]) => Number(y));
    return { svg, reach: Math.max(...ys) - Math.min(...ys) };
  };
  const results = resultsOf(ARMS);
  const usual = await heights(results);
  expect(usual.svg).not.toContain('>beyond<');
  for (const lost of [1e300, null]) {
    for (const { evaluation } of measurementsOf(results, 'ladder').slice(-1))
      Object.assign(evaluation!, { perplexity: lost });
    const { svg, reach } = await heights(results);
    expect(svg).toContain('>beyond<');
    expect(reach).toBeGreaterThan(0.5 * usual.reach);
  }
});

it.each(EXTREMES)('every figure is drawn where %s', async (_, alter) => {
  const results = resultsOf(ARMS, fixtureStudy().comparisons);
  alter(results);
  for (const { entry, ids } of [OVERVIEW_FIGURE, ...QUESTIONS.flatMap(({ figures }) => figures)])
    for (const { name, spec } of entry.draw(results).plots) {
      const svg = await drawSvg(spec, ids.get(name)!);
      expect(svg, ids.get(name)).not.toMatch(/NaN|Infinity|undefined/);
    }
});
