/** The pictures of docs/images: which plot each is, and how it is drawn from the committed results. */
import { drawPng, drawSvg, onWhite } from '../../src/report/chart.ts';
import { OVERVIEW_FIGURE, QUESTIONS, type PlacedFigure } from '../../src/report/registry.ts';
import { measured } from './measured.ts';

/** By file of docs/images: a plot by its name in the registry, and the page of the report, null for the overview. */
export const PLOTS: Readonly<Record<string, { page: string | null; plot: string }>> = {
  'at-a-glance.png': { page: null, plot: 'at-a-glance' },
  'cost.png': { page: 'quality', plot: 'cost' },
  'effect.png': { page: 'survival', plot: 'effect' },
  'forest.png': { page: 'variance', plot: 'all-differences' },
  'survival.png': { page: 'survival', plot: 'survival' },
};

/** @throws Error if the report has no such plot, or the results nothing to draw in it */
export async function drawPicture(file: string): Promise<Uint8Array> {
  const { page, plot: name } = PLOTS[file]!;
  const figures: readonly PlacedFigure[] =
    page === null ? [OVERVIEW_FIGURE] : QUESTIONS.find(({ id }) => id === page)!.figures;
  const placed = figures.find(({ ids }) => ids.has(name));
  const plot = placed?.entry.draw(measured('pilot').results).plots.find((each) => each.name === name);
  if (placed === undefined || plot === undefined)
    throw new Error(`docs/images/${file} is to be plot ${name}, which the pilot's report does not have.`);
  return drawPng(onWhite(await drawSvg(plot.spec, placed.ids.get(name)!)));
}
