/**
 * The DAG page in the browser: what the reader has chosen, and what buttons, keys and clicks do. A folded group stands
 * for its nodes; what is shown is laid out anew whenever that changes.
 */
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type ZoomTransform } from 'd3-zoom';
import { detailsOf } from './browser/details.ts';
import { elementsOf, layOut, STATES, type Place } from './browser/drawing.ts';
import { element, on, svgElement } from './browser/elements.ts';
import { GROUPINGS, groupOf, itemsOf, type Grouping, type Item, type State } from './browser/items.ts';
import { bestMatch, matches } from './browser/search.ts';
import type { DagPage } from './page-data.ts';

const page = JSON.parse(document.getElementById('data')!.textContent!) as DagPage;
const byKey = new Map(page.nodes.map((node) => [node.key, node]));
let grouping: Grouping = 'experiment and stage';
let unfolded = new Set<string>();
let hiddenStates = new Set<State>();
let words = '';
let selected: string | undefined;
let places: ReadonlyMap<string, Place> = new Map();

const app = document.getElementById('app')!;
const search = element('input', { type: 'search', placeholder: 'Search (/)', 'aria-label': 'Search nodes' });
const found = element('span', { id: 'found', role: 'status' });
const filters = element('div', { class: 'filters', role: 'group', 'aria-label': 'States shown' });
const groupings = element(
  'select',
  { 'aria-label': 'Fold by' },
  ...GROUPINGS.map((name) => element('option', { value: name }, `by ${name}`)),
);
const foldAll = element('button', {}, 'Fold all');
const unfoldAll = element('button', {}, 'Unfold all');
const scheme = element('button', { 'aria-label': 'Light or dark' }, '◐');
const svg = svgElement('svg', { 'aria-label': 'The DAG' });
const canvas = svgElement('g', {});
svg.append(canvas);
const buttons = { '−': () => scaleBy(1 / 1.4), '+': () => scaleBy(1.4), Fit: fit };
const stage = element('div', { id: 'stage' });
stage.append(
  svg,
  element(
    'div',
    { class: 'zoom' },
    ...Object.entries(buttons).map(([name, action]) =>
      on(
        element('button', { 'aria-label': name === 'Fit' ? 'Fit' : `Zoom ${name === '+' ? 'in' : 'out'}` }, name),
        action,
      ),
    ),
  ),
);
const details = element('aside', { hidden: '', 'aria-label': 'Details' });
const heading = element(
  'h1',
  {},
  page.study,
  element('small', {}, `${page.profile}, ${page.nodes.length.toLocaleString('en')} nodes`),
);
app.append(
  element('header', {}, heading, search, found, filters, groupings, foldAll, unfoldAll, scheme),
  stage,
  details,
);
document.title = `${page.study}: DAG`;

/** Below this scale text is too small to be read. */
const LEAST_LEGIBLE = 0.5;
const zooming = zoom<SVGSVGElement, unknown>()
  .scaleExtent([0.02, 4])
  .on('zoom', ({ transform }: { transform: ZoomTransform }) => canvas.setAttribute('transform', transform.toString()));
select(svg).call(zooming).on('dblclick.zoom', null);

for (const state of STATES) {
  const count = page.nodes.filter((node) => node.state === state).length;
  const button = element(
    'button',
    { 'aria-pressed': 'true', 'data-state': state },
    element('span', { class: `mark ${state}` }),
    `${state} ${count.toLocaleString('en')}`,
  );
  on(button, () => {
    if (!hiddenStates.delete(state)) hiddenStates = new Set([...hiddenStates, state]);
    button.setAttribute('aria-pressed', String(!hiddenStates.has(state)));
    draw();
  });
  if (count > 0) filters.append(button);
}
search.addEventListener('input', () => {
  words = search.value.toLowerCase();
  mark();
});
search.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  const best = bestMatch(
    page.nodes.filter(({ state }) => !hiddenStates.has(state)),
    words,
  );
  if (best !== undefined) choose(best.key, true);
});
groupings.addEventListener('change', () => {
  grouping = groupings.value as Grouping;
  unfolded = new Set();
  draw();
  showLegibly();
});
on(foldAll, () => {
  unfolded = new Set();
  draw();
  showLegibly();
});
on(unfoldAll, () => {
  unfolded = new Set(page.nodes.map((node) => groupOf(node, grouping)));
  draw();
  showLegibly();
});
on(scheme, () => {
  const dark =
    document.documentElement.dataset.scheme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  document.documentElement.dataset.scheme = dark === 'dark' ? 'light' : 'dark';
});
document.addEventListener('keydown', (event) => {
  const { target } = event;
  // Escape also closes what is open, as everywhere.
  if (target instanceof HTMLInputElement && event.key === 'Escape') target.blur();
  else if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
  const actions: Record<string, () => void> = {
    '/': () => search.focus(),
    '+': buttons['+'],
    '-': buttons['−'],
    '0': fit,
    Escape: () => choose(undefined),
  };
  const action = actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});
draw();
showLegibly();

function draw(): void {
  const drawing = layOut(itemsOf(page.nodes, { grouping, unfolded, hiddenStates }));
  places = drawing.places;
  canvas.replaceChildren(...elementsOf(drawing, activate));
  mark();
}

function activate(item: Item): void {
  if (!item.isGroup) return choose(item.id);
  unfolded = new Set([...unfolded, item.id]);
  draw();
}

/** Dims what the search does not match, and marks what is chosen with its neighbours. */
function mark(): void {
  const hits = page.nodes.filter((node) => matches(node, words));
  found.textContent = words === '' ? '' : `${hits.length.toLocaleString('en')} found`;
  const keys = new Set(hits.map(({ key }) => key));
  const inGroups = new Set(hits.map((node) => groupOf(node, grouping)));
  const isHit = (id: string) => words === '' || keys.has(id) || (!byKey.has(id) && inGroups.has(id));
  for (const node of canvas.querySelectorAll<SVGElement>('.node')) {
    node.classList.toggle('dimmed', !isHit(node.dataset.id!));
    node.classList.toggle('selected', node.dataset.id === selected);
  }
  for (const edge of canvas.querySelectorAll<SVGElement>('.edge')) {
    const { from, to } = edge.dataset as { from: string; to: string };
    edge.classList.toggle('dimmed', !isHit(from) || !isHit(to));
    edge.classList.toggle('near', selected !== undefined && (from === selected || to === selected));
  }
}

function choose(key: string | undefined, centre = false): void {
  selected = key;
  const node = key === undefined ? undefined : byKey.get(key);
  details.hidden = node === undefined;
  if (node === undefined) return mark();
  if (!places.has(node.key)) {
    unfolded = new Set([...unfolded, groupOf(node, grouping)]);
    draw();
  }
  details.replaceChildren(...detailsOf(node, byKey, choose));
  mark();
  if (centre) centreOn(node.key);
}

/** All of the drawing, however small. */
function fit(): void {
  show(0);
}

/** All of it as far as it can be read; else its beginning, from where one pans. */
function showLegibly(): void {
  show(LEAST_LEGIBLE);
}

function show(leastScale: number): void {
  const box = canvas.getBBox();
  const { width, height } = svg.getBoundingClientRect();
  if (box.width === 0) return;
  const scale = Math.max(leastScale, Math.min(1.25, 0.96 * Math.min(width / box.width, height / box.height)));
  /** Centred where it fits; else its start, with a margin. */
  const offset = (start: number, length: number, room: number) =>
    scale * length > room ? 20 - scale * start : room / 2 - scale * (start + length / 2);
  const transform = zoomIdentity
    .translate(offset(box.x, box.width, width), offset(box.y, box.height, height))
    .scale(scale);
  select(svg).call(zooming.transform, transform);
}

function scaleBy(factor: number): void {
  select(svg).call(zooming.scaleBy, factor);
}

function centreOn(key: string): void {
  const place = places.get(key);
  if (place === undefined) return;
  const { width, height } = svg.getBoundingClientRect();
  select(svg).call(zooming.transform, zoomIdentity.translate(width / 2 - place.x, height / 2 - place.y));
}
