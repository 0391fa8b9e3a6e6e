/** The report's first page: what a super weight is, what was found, the six questions, and what everything rests on. */
import type { StudyResults } from '../read-results.ts';
import { QUESTIONS, type Page } from '../registry.ts';
import { verdictsOf } from '../topics/parts.ts';
import { verdictCounts } from '../verdict-text.ts';
import { decimal, perplexityText, scalingText } from '../wording.ts';
import { definitions } from './definitions.ts';
import { figureView, type DrawnFigure } from './figure-view.ts';
import { html, type Html } from './html.ts';
import { lintCounts, lintTable } from './lint-table.ts';
import { originText, type Provenance } from './provenance.ts';
import { shell } from './shell.ts';
import { cautions, plainSummary } from './summary-text.ts';
import { experimentsTable, missingTable, parametersTable, runsTable } from './tables.ts';

/** How many questions there are, in words. */
const NUMBERS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];

export function overviewPage(results: StudyResults, glance: DrawnFigure, made: Provenance): string {
  const main = html`<section aria-labelledby="h-glance">
      <h2 id="h-glance">${glance.title}</h2>
      ${figureView(glance)}
    </section>
    <section aria-labelledby="h-questions">
      <h2 id="h-questions">${NUMBERS[QUESTIONS.length] ?? QUESTIONS.length} questions</h2>
      <ul class="cards">
        ${QUESTIONS.map((page) => card(results, page))}
      </ul>
    </section>
    <section aria-labelledby="h-tables">
      <h2 id="h-tables">Experiments and runs</h2>
      <div class="wide">
        ${experimentsTable(results)} ${runsTable(results)} ${missingTable(results)} ${parametersTable(results)}
      </div>
    </section>
    <section aria-labelledby="h-lint">
      <h2 id="h-lint">What the comparisons are worth</h2>
      ${results.lint.length === 0 ? html`<p>swp lint has nothing to say of this study: the arms of every comparison differ in what it names, and in nothing else.</p>` : html`<div class="wide">${lintTable(results.lint)}</div>`}
    </section>
    <section aria-labelledby="h-definitions">
      <h2 id="h-definitions">How each number was defined</h2>
      ${definitions(results)}
    </section>
    <section aria-labelledby="h-made">
      <h2 id="h-made">Made on</h2>
      <div>${originText(made.origin)}</div>
    </section>`;
  return shell(results, { title: 'Report', header: heading(results), main }, made.digest);
}

function heading(results: StudyResults): Html {
  const { study, runs, floor, experiments, lint } = results;
  const complete = runs.filter(({ status }) => status === 'complete').length;
  const incomplete = runs.length - complete;
  return html`<p class="eyebrow">${study.name} · profile ${study.profile.name}</p>
    <h1>${study.description}</h1>
    <p class="lead">${plainSummary(results).join(' ')}</p>
    <ul class="facts">
      <li><strong>${complete}</strong> of <strong>${runs.length}</strong> runs complete</li>
      <li>${incomplete === 0 ? 'none incomplete' : html`<strong class="alert">${incomplete}</strong> incomplete`}</li>
      <li><strong>${experiments.length}</strong> ${experiments.length === 1 ? 'experiment' : 'experiments'}</li>
      ${floor === null ? '' : html`<li>entropy floor <strong>${decimal(floor, 4)}</strong> nats (perplexity ${perplexityText(Math.exp(floor))})</li>`}
      <li><a href="#h-lint">${lintCounts(lint)}</a></li>
      <li>${scalingText(study)}</li>
    </ul>
    <p class="caution">${cautions(results).join(' ')}</p>`;
}

function card(results: StudyResults, page: Page): Html {
  return html`<li>
    <h3>
      <a href="${page.file}"><span class="step">${page.number}</span>${page.name}</a>
    </h3>
    <p class="asked">${page.question}</p>
    <p class="answer">${page.answer(results)}</p>
    <p class="tests">${verdictCounts(verdictsOf(page.comparisons(results)))}</p>
  </li> `;
}
