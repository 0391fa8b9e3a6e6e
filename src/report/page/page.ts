/** The whole page, from results and drawn figures. One file: style and SVG are inside it, and it needs no script. */
import type { Figure, Plot } from '../figures/figure.ts';
import type { StudyResults } from '../read-results.ts';
import { counted, decimal, perplexityText, scalingText } from '../wording.ts';
import { definitions } from './definitions.ts';
import { escaped, Html, html } from './html.ts';
import { styleSheet } from './styles.ts';
import { cautions, plainSummary } from './summary-text.ts';
import { differencesTable, experimentsTable, missingTable, parametersTable, runsTable } from './tables.ts';

export interface DrawnPlot extends Plot {
  svg: string;
}

export interface DrawnFigure extends Figure {
  plots: DrawnPlot[];
}

/** @param digest SHA-256 of results.json, for provenance */
export function page(results: StudyResults, figures: DrawnFigure[], digest: string): string {
  const { study } = results;
  const body = html`${heading(results)}
    <main>
      ${figures.map((figure, i) => figureSection(figure, i + 1))}
      <section id="tables" aria-labelledby="h-tables">
        <h2 id="h-tables"><span class="number-of">${figures.length + 1}.</span> Experiments and runs</h2>
        <div class="wide">
          ${experimentsTable(results)} ${differencesTable(results)} ${runsTable(results)} ${missingTable(results)}
          ${parametersTable(results)}
        </div>
      </section>
      <section id="definitions" aria-labelledby="h-definitions">
        <h2 id="h-definitions"><span class="number-of">${figures.length + 2}.</span> How each number was defined</h2>
        ${definitions(results)}
      </section>
    </main>
    <footer>
      <p>
        All numbers: <a href="results.json">results.json</a> (SHA-256 <code>${digest.slice(0, 16)}…</code>),
        <a href="runs.csv">runs.csv</a>. results.json names, for every measurement, the recipe key of the node that made it;
        <code>swp show</code> takes it from there.
      </p>
    </footer>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(study.name)}: report</title>
<style>${styleSheet()}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

function heading(results: StudyResults): Html {
  const { study, runs, floor, experiments } = results;
  const complete = runs.filter(({ status }) => status === 'complete').length;
  const incomplete = runs.length - complete;
  return html`<header>
    <p class="eyebrow">${study.name} · profile ${study.profile.name}</p>
    <h1>${study.description}</h1>
    <p class="lead">${plainSummary(results).join(' ')}</p>
    <ul class="facts">
      <li><strong>${complete}</strong> of <strong>${runs.length}</strong> runs complete</li>
      <li>${incomplete === 0 ? 'none incomplete' : html`<strong class="alert">${incomplete}</strong> incomplete`}</li>
      <li><strong>${experiments.length}</strong> ${experiments.length === 1 ? 'experiment' : 'experiments'}</li>
      ${floor === null ? '' : html`<li>entropy floor <strong>${decimal(floor, 4)}</strong> nats (perplexity ${perplexityText(Math.exp(floor))})</li>`}
      <li>${scalingText(study)}</li>
    </ul>
    <p class="caution">${cautions(results).join(' ')}</p>
  </header>`;
}

function figureSection({ title, caption, plots }: DrawnFigure, number: number): Html {
  const id = `figure-${number}`;
  return html`<section id="${id}" aria-labelledby="h-${id}">
    <h2 id="h-${id}"><span class="number-of">${number}.</span> ${title}</h2>
    <figure>
      ${plots.map(
        (plot) =>
          html`<div class="plot" tabindex="0" role="group" aria-label="${title}, scrollable">${inline(plot)}</div>
            <p class="files">
              ${counted(plot.rows.length, 'row')}:
              ${['csv', 'json', 'svg', 'png'].map((kind, i) => html`${i === 0 ? '' : ' · '}<a href="figures/${plot.id}.${kind}">${kind.toUpperCase()}</a>`)}
            </p> `,
      )}
      <figcaption>${caption}</figcaption>
    </figure>
  </section> `;
}

/** The SVG as one image to assistive technology, with its alternative text. */
function inline({ svg, alt, id }: DrawnPlot): Html {
  return new Html(
    svg.replace(
      /<svg([^>]*)>/,
      (_, attributes: string) =>
        `<svg${attributes} role="img" aria-labelledby="alt-${id}"><title id="alt-${id}">${escaped(alt)}</title>`,
    ),
  );
}
