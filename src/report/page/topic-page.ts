/**
 * The page of one question. It opens with the sentence that answers it and the one figure that shows it; the numbers
 * behind, the other figures, what is missing and how it was made are folded below.
 */
import type { StudyResults } from '../read-results.ts';
import { QUESTIONS, type Page } from '../registry.ts';
import { counted, scalingText } from '../wording.ts';
import { figureView, type DrawnFigure } from './figure-view.ts';
import { fold, holdsText } from './fold.ts';
import { html, type Html } from './html.ts';
import { provenance, type Provenance } from './provenance.ts';
import { shell } from './shell.ts';

/** A figure that has something to draw, drawn or failed, the sentence that it supports, and the tables behind it. */
export interface Section {
  figure: DrawnFigure;
  finding: string;
  tables: Html[];
}

export interface DrawnPage {
  page: Page;
  sections: Section[];
  /** What this profile cannot say, and which arms would: a sentence each. */
  gaps: string[];
}

export function topicPage(results: StudyResults, { page, sections, gaps }: DrawnPage, made: Provenance): string {
  const { number, name, question } = page;
  const [first, ...others] = sections;
  const answer = `${page.answer(results)}${page.context?.(results) ?? ''}`;
  const header = html`<p class="eyebrow">Question ${number} of ${QUESTIONS.length} · ${name}</p>
    <h1>${question}</h1>
    <p class="finding answer">${answer}</p>`;
  const main = html`${first === undefined ? '' : opening(results, first)}
    <div class="folds">
      ${first === undefined ? '' : behind(first, answer)} ${others.map(sectionFold)}
      ${
        gaps.length === 0
          ? ''
          : fold({
              id: 'gaps',
              title: sections.length === 0 ? 'What is missing' : 'What this profile does not show',
              holds: counted(gaps.length, 'point'),
              content: html`${gaps.map((gap) => html`<p class="gap">${gap}</p> `)}`,
              open: sections.length === 0,
            })
      }
      ${provenance(results, page, made)}
    </div>`;
  return shell(results, { title: `${number} ${name}`, page, header, main }, made.digest);
}

/** The one figure that a page opens with: the first plot of its first figure, and how to read it. */
function opening({ study }: StudyResults, { figure }: Section): Html {
  const plots = figure.plots.slice(0, 1);
  return html`<section class="opening" aria-labelledby="opening">
    <h2 id="opening">${figure.title}</h2>
    ${figureView({ ...figure, caption: `${figure.caption} ${scalingText(study)}`, plots })}
  </section>`;
}

/** What the opening figure rests on: what else its numbers say, its further plots, its tables. */
function behind({ figure, finding, tables }: Section, answer: string): Html | '' {
  const more = finding.replace(answer, '').trim();
  const plots = figure.plots.slice(1);
  if (more === '' && plots.length === 0 && tables.length === 0 && figure.method === undefined) return '';
  return fold({
    id: 'behind',
    title: 'Behind this figure',
    holds: [
      ...(more === '' ? [] : ['what else it says']),
      ...(figure.method === undefined ? [] : ['how it was drawn']),
      holdsText(plots.length, tables),
    ]
      .filter((text) => text !== '')
      .join(', '),
    content: html`${more === '' ? '' : html`<p class="finding">${more}</p>`}
    ${figure.method === undefined ? '' : html`<p class="method">${figure.method}</p>`}
    ${plots.length === 0 ? '' : figureView({ ...figure, plots, failed: [] })} ${wide(tables)}`,
  });
}

function sectionFold({ figure, finding, tables }: Section): Html {
  const { title, plots, failed } = figure;
  return fold({
    id: (plots[0] ?? failed[0])!.id,
    title,
    holds: plots.length === 0 ? 'it could not be drawn' : holdsText(plots.length, tables),
    content: html`<p class="finding">${finding}</p>
      ${figureView({ ...figure, caption: [figure.caption, figure.method ?? ''].join(' ').trim() })} ${wide(tables)}`,
  });
}

function wide(tables: readonly Html[]): Html | '' {
  return tables.length === 0 ? '' : html`<div class="wide">${tables}</div>`;
}
