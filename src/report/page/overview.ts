/**
 * The report's first page: what was found, in a sentence; what a super weight is, in a picture; the six questions. What
 * everything rests on is folded below.
 */
import { listed } from '../../base/listed.ts';
import type { StudyResults } from '../read-results.ts';
import { distinctArms, runCounts, twinsText } from '../computations.ts';
import { QUESTIONS, type Page } from '../registry.ts';
import { verdictsOf } from '../topics/parts.ts';
import { verdictCounts } from '../verdict-text.ts';
import { counted, decimal, perplexityText, scalingText } from '../wording.ts';
import { definitions } from './definitions.ts';
import { figureView, type DrawnFigure } from './figure-view.ts';
import { fold } from './fold.ts';
import { html, type Html } from './html.ts';
import { lintCounts, lintTable } from './lint-table.ts';
import { originText, type Provenance } from './provenance.ts';
import { shell } from './shell.ts';
import { cautions, plainSummary } from './summary-text.ts';
import { experimentsTable, missingTable, parametersTable, runsTable } from './tables.ts';

/** How many questions there are, in words. */
const NUMBERS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];

export function overviewPage(results: StudyResults, glance: DrawnFigure, made: Provenance): string {
  const [what, ...found] = plainSummary(results);
  const main = html`${opening(results, glance, found.length === 0 ? '' : what!)}
    <section aria-labelledby="h-questions">
      <h2 id="h-questions">${NUMBERS[QUESTIONS.length] ?? QUESTIONS.length} questions</h2>
      <div class="wide">
        <ul class="cards">
          ${QUESTIONS.map((page) => card(results, page))}
        </ul>
      </div>
    </section>
    <section aria-labelledby="h-short">
      <h2 id="h-short">The study in short</h2>
      ${found.length < 2 ? '' : html`<p class="lead">${found.slice(1).join(' ')}</p>`} ${facts(results)}
      <p class="caution">${cautions(results).join(' ')}</p>
    </section>
    <div class="folds">${folds(results, glance, made)}</div>`;
  return shell(results, { title: 'Report', header: heading(results, found[0] ?? what ?? '', made), main }, made.digest);
}

/** The study's question, and the sentence that answers it. */
function heading({ study }: StudyResults, answer: string, { failed }: Provenance): Html {
  return html`<p class="eyebrow">${study.name} · profile ${study.profile.name}</p>
    <h1>${study.description}</h1>
    ${failed.length === 0 ? '' : html`<p class="caution"><strong class="alert">This report is incomplete:</strong> ${listed(failed.map(({ id }) => id))} could not be drawn. The pages say why.</p>`}
    <p class="finding answer">${answer}</p>`;
}

/** What a super weight is, in a sentence and one picture. */
function opening({ study }: StudyResults, glance: DrawnFigure, what: string): Html {
  return html`<section class="opening" aria-labelledby="opening">
    <h2 id="opening">${glance.title}</h2>
    ${what === '' ? '' : html`<p class="lead">${what}</p>`}
    ${figureView({ ...glance, caption: `${glance.caption} ${scalingText(study)}` })}
  </section>`;
}

function facts(results: StudyResults): Html {
  const { floor, surprisal, experiments, lint } = results;
  const { total, complete, incomplete, distinct } = runCounts(results);
  const arms = distinctArms(results, experiments).length;
  const twins = twinsText(results);
  return html`<ul class="facts">
    <li>
      <a href="#runs"><strong>${complete}</strong> of <strong>${total}</strong> runs complete</a>
    </li>
    ${distinct === total ? '' : html`<li><strong>${distinct}</strong> distinct ${distinct === 1 ? 'computation' : 'computations'}: every n counts these</li>`}
    <li>
      ${incomplete === 0 ? 'none incomplete' : html`<a href="#runs"><strong class="alert">${incomplete}</strong> incomplete</a>`}
    </li>
    <li>
      <a href="#experiments"><strong>${arms}</strong> ${arms === 1 ? 'experiment' : 'experiments'}</a
      >${twins === '' ? '' : ` (${twins})`}
    </li>
    ${floor === null ? '' : html`<li>entropy floor <strong>${decimal(floor, 4)}</strong> nats (perplexity ${perplexityText(Math.exp(floor))})${surprisal === null ? '' : html`; on these tokens <strong>${decimal(surprisal, 4)}</strong> (${perplexityText(Math.exp(surprisal))})`}</li>`}
    <li><a href="#lint">${lintCounts(lint)}</a></li>
    <li><a href="#definitions">how each number was defined</a></li>
  </ul>`;
}

/** What everything rests on. */
function folds(results: StudyResults, { method }: DrawnFigure, made: Provenance): Html[] {
  const { experiments, runs, lint, study } = results;
  const terms = definitions(results);
  const wide = (content: Html | (Html | '')[]) => html`<div class="wide">${content}</div>`;
  const missing = runs.reduce((sum, run) => sum + run.missing.length, 0);
  return [
    ...(method === undefined
      ? []
      : [
          fold({
            id: 'behind',
            title: 'Behind this figure',
            holds: 'how it was drawn',
            content: html`<p class="method">${method}</p>`,
          }),
        ]),
    fold({
      id: 'experiments',
      title: 'Experiments at their end',
      holds: counted(experiments.length, 'experiment'),
      content: wide(experimentsTable(results)),
    }),
    fold({
      id: 'runs',
      title: 'All runs at their end',
      holds: `${counted(runs.length, 'run')}${missing === 0 ? '' : `, ${counted(missing, 'missing artifact')}`}`,
      content: wide([runsTable(results), missingTable(results)]),
    }),
    fold({
      id: 'parameters',
      title: 'Parameters of the experiments',
      holds: counted(study.experiments.length, 'experiment'),
      content: wide(parametersTable(results)),
    }),
    fold({
      id: 'lint',
      title: 'What the comparisons are worth',
      holds: lintCounts(lint),
      content:
        lint.length === 0
          ? html`<p>
              swp lint has nothing to say of this study: the arms of every comparison differ in what it names, and in
              nothing else.
            </p>`
          : wide([lintTable(lint)]),
    }),
    fold({ id: 'definitions', title: 'How each number was defined', holds: terms.holds, content: terms.content }),
    fold({
      id: 'made',
      title: 'Made on',
      holds: 'versions and machines',
      content: html`<div>${originText(made.origin)}</div>`,
    }),
  ];
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
