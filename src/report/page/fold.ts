/** What a page folds away: opened by a click, a key, a link to something in it, and by printing. No script. */
import { html, TableHtml, type Html } from './html.ts';
import { counted } from '../wording.ts';

export interface Fold {
  /** Of the element inside: a link to it opens the fold. */
  id: string;
  title: string;
  /** What one finds in it, with counts: `2 figures, 1 table of 7 rows`. */
  holds: string;
  content: Html;
  /** Whether it is open when the page is. */
  open?: boolean;
}

/**
 * Browsers open a closed `<details>` when a link's target lies inside it, so the id is that of its content. Where they
 * do not, the style sheet does.
 */
export function fold({ id, title, holds, content, open = false }: Fold): Html {
  return html`<details class="fold" ${open ? 'open' : ''}>
    <summary>
      <h2>${title}</h2>
      ${holds === '' ? '' : html`<span class="holds">${holds}</span>`}
    </summary>
    <div class="inside" id="${id}">${content}</div>
  </details> `;
}

/** `2 figures, 1 table of 7 rows`; empty if there is neither. */
export function holdsText(figures: number, tables: readonly Html[]): string {
  const rows = tables.reduce((sum, each) => sum + (each instanceof TableHtml ? each.rows : 0), 0);
  return [
    ...(figures === 0 ? [] : [counted(figures, 'figure')]),
    ...(tables.length === 0 ? [] : [`${counted(tables.length, 'table')} of ${counted(rows, 'row')}`]),
  ].join(', ');
}
