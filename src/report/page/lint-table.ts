/** What swp lint had to say of the study, with the reasons for which a person overrode it. */
import type { LintNote } from '../../generated/results.ts';
import { counted } from '../wording.ts';
import { html, table, type Html } from './html.ts';

const RANK = { error: 0, warning: 1, note: 2 };

/** Errors first; nothing if there is nothing to say. */
export function lintTable(
  notes: readonly LintNote[],
  caption = 'What swp lint says of the declared comparisons. A finding that a person overrode stands with the written reason.',
): Html | '' {
  if (notes.length === 0) return '';
  const open = notes
    .filter(({ accepted, severity }) => accepted === null && severity !== 'note')
    .sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  const rest = notes.filter((note) => !open.includes(note)).sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  const accepted = rest.filter((note) => note.accepted !== null);
  const remarks = rest.filter((note) => note.accepted === null);
  return html`${rowsOf(caption, [...open, ...accepted])}
  ${
    remarks.length === 0
      ? ''
      : html`<details>
          <summary>
            ${counted(remarks.length, 'note')}
            ${remarks.every(({ rule }) => rule === 'consequence') ? 'on what differs as a consequence' : 'on what is to be known when a difference is read'}
          </summary>
          ${rowsOf('Notes: nothing is wrong with these, but they are to be known when a difference is read.', remarks)}
        </details>`
  }`;
}

function rowsOf(caption: string, notes: readonly LintNote[]): Html | '' {
  if (notes.length === 0) return '';
  return table<LintNote>(
    caption,
    [
      {
        head: 'finding',
        cell: ({ rule, severity }) =>
          html`${severity === 'note' ? rule : html`<span class="${severity === 'error' ? 'alert' : ''}">${rule}</span>`}<small
              >${severity}</small
            >`,
      },
      {
        head: 'comparison',
        cell: ({ comparison, arms }) => html`${comparison ?? 'the study'}<small>${arms.join(', ')}</small>`,
      },
      { head: 'what', prose: true, cell: ({ message }) => message },
      { head: 'overridden because', prose: true, cell: ({ accepted }) => accepted ?? 'not overridden' },
    ],
    notes,
  );
}

/** `2 findings, 1 overridden`, for the overview. */
export function lintCounts(notes: readonly LintNote[]): string {
  const findings = notes.filter(({ severity }) => severity !== 'note');
  if (findings.length === 0) return 'no lint findings';
  const accepted = findings.filter((note) => note.accepted !== null).length;
  return `${counted(findings.length, 'lint finding')}${accepted === 0 ? '' : `, ${accepted} overridden`}`;
}
