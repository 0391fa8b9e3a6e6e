/** The pictures of docs/images: which plot each is, and how it is drawn from the committed results. */
import { drawPng, drawSvg, onWhite } from '../../src/report/chart.ts';
import { OVERVIEW_FIGURE, QUESTIONS, type PlacedFigure } from '../../src/report/registry.ts';
import { studyResults } from './committed-study.ts';
import { measured } from './measured.ts';

interface Picture {
  /** Whose results it shows: those of `pilot`, the committed ones, or of the bundle of this name in docs/study. */
  readonly of: string;
  /** The page of the report, null for the overview, and the plot by its name in the registry. */
  readonly page: string | null;
  readonly plot: string;
}

/** By file of docs/images. */
export const PLOTS: Readonly<Record<string, Picture>> = {
  'at-a-glance.png': { of: 'pilot', page: null, plot: 'at-a-glance' },
  'forest.png': { of: 'pilot', page: 'variance', plot: 'all-differences' },
  'study-effect.png': { of: 'study', page: 'survival', plot: 'effect' },
  'study-late.png': { of: 'study', page: 'initialisation', plot: 'later' },
  'study-real-model.png': { of: 'smollm2-pilot', page: 'survival', plot: 'effect' },
  'study-survival.png': { of: 'study', page: 'survival', plot: 'survival' },
  'survival.png': { of: 'pilot', page: 'survival', plot: 'survival' },
};

/** @throws Error if the report has no such plot, or the results nothing to draw in it */
export async function drawPicture(file: string): Promise<Uint8Array> {
  const { of, page, plot: name } = PLOTS[file]!;
  const figures: readonly PlacedFigure[] =
    page === null ? [OVERVIEW_FIGURE] : QUESTIONS.find(({ id }) => id === page)!.figures;
  const placed = figures.find(({ ids }) => ids.has(name));
  const results = of === 'pilot' ? measured('pilot').results : await studyResults(of);
  const plot = placed?.entry.draw(results).plots.find((each) => each.name === name);
  if (placed === undefined || plot === undefined)
    throw new Error(`docs/images/${file} is to be plot ${name}, which the report of ${of} does not have.`);
  return drawPng(onWhite(await drawSvg(plot.spec, placed.ids.get(name)!)));
}
