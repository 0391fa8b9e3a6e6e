/** The page of one question: its plot first, then the sentence that it supports, then tables, then how it was made. */
import type { StudyResults } from '../read-results.ts';
import type { Answer, Section } from '../topics/topic.ts';
import { figureView, type DrawnFigure } from './figure-view.ts';
import { html, type Html } from './html.ts';
import { provenance, type Provenance } from './provenance.ts';
import { shell } from './shell.ts';

export interface DrawnSection extends Section {
  figure: DrawnFigure;
}

export interface DrawnAnswer extends Answer {
  sections: DrawnSection[];
  gaps: string[];
}

export function topicPage(results: StudyResults, answer: DrawnAnswer, made: Provenance): string {
  const { topic, sections, gaps } = answer;
  const header = html`<p class="eyebrow">Question ${topic.number} of 6 · ${topic.name}</p>
    <h1>${topic.question}</h1>`;
  const main = html`${sections.map(sectionView)}
  ${
    gaps.length === 0
      ? ''
      : html`<section aria-labelledby="h-gaps">
          <h2 id="h-gaps">${sections.length === 0 ? 'What is missing' : 'What this profile does not show'}</h2>
          ${gaps.map((gap) => html`<p class="gap">${gap}</p> `)}
        </section>`
  }
  ${provenance(results, answer, made)}`;
  return shell(results, { title: `${topic.number} ${topic.name}`, topic, header, main }, made.digest);
}

function sectionView({ figure, finding, tables }: DrawnSection, i: number): Html {
  const id = `section-${i + 1}`;
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${figure.title}</h2>
    ${figureView(figure, html`<p class="finding">${finding}</p>`)}
    ${tables.length === 0 ? '' : html`<div class="wide">${tables}</div>`}
  </section> `;
}
