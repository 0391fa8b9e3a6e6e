/** HTML by hand, safely: text is escaped unless it is marked as HTML, and nothing in it is hidden. */
import { visible } from '../../base/visible-text.ts';

/** Text that is HTML already. */
export class Html {
  constructor(readonly source: string) {}
  toString(): string {
    return this.source;
  }
}

/** A table, which knows how long it is. */
export class TableHtml extends Html {
  constructor(
    source: string,
    readonly rows: number,
  ) {
    super(source);
  }
}

type Part = string | number | Html | readonly Part[];

/** Template tag: strings and numbers are escaped, Html is not, lists are joined. */
export function html(literals: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(
    literals.reduce((text, literal, i) => text + literal + (i < parts.length ? rendered(parts[i]!) : ''), ''),
  );
}

export function escaped(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function rendered(part: Part): string {
  if (part instanceof Html) return part.source;
  if (Array.isArray(part)) return (part as readonly Part[]).map(rendered).join('');
  return escaped(unbroken(String(part)));
}

/** Numbers stay with their sign and unit at the end of a line. */
function unbroken(text: string): string {
  return text.replaceAll(' %', '\u00a0%').replace(/\bn = (?=\d)/g, 'n\u00a0=\u00a0');
}

export interface Column<Item> {
  head: string;
  /** Numbers are aligned to the right. */
  numeric?: boolean;
  /** Sentences, which need room: other cells are as narrow as their longest word. */
  prose?: boolean;
  cell(item: Item): string | Html;
}

/** A table with its caption, in the frame in which it scrolls; the first column heads its row and stays in sight. */
export function table<Item>(caption: string, columns: Column<Item>[], items: readonly Item[]): TableHtml {
  const kind = ({ numeric, prose }: Column<Item>) =>
    numeric ? html` class="number"` : prose ? html` class="prose"` : '';
  const { source } = html`<div class="scroll" tabindex="0" role="group" aria-label="Table, scrollable">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" ${kind(column)}>${column.head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${items.map(
          (item) =>
            html`<tr>
              ${columns.map((column, i) => (i === 0 ? html`<th scope="row">${column.cell(item)}</th>` : html`<td${kind(column)}>${column.cell(item)}</td>`))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
  return new TableHtml(source, items.length);
}
