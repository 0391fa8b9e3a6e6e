/** A drawn figure on a page: its plots with links to their data, and how to read it. */
import type { Figure, Plot } from '../figures/figure.ts';
import { counted } from '../wording.ts';
import { escaped, Html, html } from './html.ts';

export interface DrawnPlot extends Plot {
  /** Stem of its files. */
  id: string;
  svg: string;
}

export interface DrawnFigure extends Figure {
  plots: DrawnPlot[];
  /** What of it could not be drawn, by the stems of files, and why. */
  failed: { id: string; reason: string }[];
  /** Whether its plots are in files of their own beside the pages. */
  hasFiles: boolean;
}

/** Plots at least this wide fill the column; on a narrow screen they scroll rather than shrink beyond reading. */
const BROAD = 700;

const KINDS = ['csv', 'json', 'svg', 'png'];

export function figureView({ title, caption, plots, failed, hasFiles }: DrawnFigure): Html {
  return html`<figure>
    ${plots.map(
      (plot) =>
        html`<div class="plot" tabindex="0" role="group" aria-label="${title}, scrollable">${inline(plot)}</div>
          ${hasFiles ? links(plot) : ''}`,
    )}
    ${failed.map(({ id, reason }) => html`<p class="alert">${id} could not be drawn: ${reason}</p>`)}
    <figcaption>${caption}</figcaption>
  </figure>`;
}

function links({ id, rows }: DrawnPlot): Html {
  return html`<p class="files">
    ${counted(rows.length, 'row')}:
    ${KINDS.map((kind, i) => html`${i === 0 ? '' : ' · '}<a href="figures/${id}.${kind}" aria-label="${id} as ${kind.toUpperCase()}">${kind.toUpperCase()}</a>`)}
  </p>`;
}

/** The SVG as one image to assistive technology, with its alternative text. */
function inline({ svg, alt, id }: DrawnPlot): Html {
  return new Html(
    svg.replace(
      /<svg([^>]*)>/,
      (_, attributes: string) =>
        `<svg${attributes}${Number(/ width="([\d.]+)"/.exec(attributes)?.[1]) >= BROAD ? ' data-broad=""' : ''} role="img" aria-labelledby="alt-${id}"><title id="alt-${id}">${escaped(alt)}</title>`,
    ),
  );
}
