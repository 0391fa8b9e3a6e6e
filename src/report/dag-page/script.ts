/**
 * The DAG page in the browser: pan, zoom, search, folding, filters and details. A folded group stands for its nodes;
 * what is shown is laid out anew by dagre whenever that changes.
 */
import { Graph, layout } from '@dagrejs/dagre';
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type ZoomTransform } from 'd3-zoom';
import type { DagPage, PageNode } from './page-data.ts';

type State = PageNode['state'];
type Grouping = 'experiment and stage' | 'stage' | 'experiment' | 'nothing';

/** Something drawn: a node, or a group of them. */
interface Item {
  id: string;
  title: string;
  sub: string;
  nodes: PageNode[];
  isGroup: boolean;
}

/** Where something is drawn, by its middle. */
interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

const STATES: State[] = ['cached', 'missing', 'stale', 'failed'];
const GROUPINGS: Grouping[] = ['experiment and stage', 'stage', 'experiment', 'nothing'];
/** More drawn items than these would take the layout minutes. */
const DRAWN_ITEMS = 3_000;
/**
 * What gathers from more items than these stands beside the drawing: lines to it from everywhere would push all else
 * apart.
 */
const GATHERED_ITEMS = 12;
const SVG = 'http://www.w3.org/2000/svg';

const page = JSON.parse(document.getElementById('data')!.textContent!) as DagPage;
const byKey = new Map(page.nodes.map((node) => [node.key, node]));
let grouping: Grouping = 'experiment and stage';
let unfolded = new Set<string>();
let hiddenStates = new Set<State>();
let words = '';
let selected: string | undefined;
let places = new Map<string, Place>();

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
const svg = document.createElementNS(SVG, 'svg');
svg.setAttribute('aria-label', 'The DAG');
const canvas = document.createElementNS(SVG, 'g');
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
select(svg as SVGSVGElement)
  .call(zooming)
  .on('dblclick.zoom', null);

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
search.addEventListener('keydown', (event) => event.key === 'Enter' && showFirst());
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
  unfolded = new Set(page.nodes.map(groupOf));
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
  // and closes what is open, as everywhere
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

function groupOf(node: PageNode): string {
  const experiments = [...new Set(node.runs.map((run) => run.slice(0, run.lastIndexOf('/'))))];
  const experiment =
    experiments.length === 0
      ? 'whole study'
      : experiments.length === 1
        ? experiments[0]!
        : `shared by ${experiments.join(', ')}`;
  if (grouping === 'stage') return node.stage;
  if (grouping === 'experiment') return experiment;
  return grouping === 'nothing' ? node.key : `${node.stage} · ${experiment}`;
}

/** What is drawn now: groups that are folded, and the nodes of the others. */
function items(): Item[] {
  const shown = page.nodes.filter(({ state }) => !hiddenStates.has(state));
  const groups = new Map<string, PageNode[]>();
  for (const node of shown) {
    const group = groupOf(node);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [node]);
    else members.push(node);
  }
  const single = (node: PageNode): Item => ({
    id: node.key,
    title: node.round > 0 ? `${node.step} ${node.round}` : node.step,
    sub: runsText(node),
    nodes: [node],
    isGroup: false,
  });
  const drawn = [...groups].flatMap(([id, nodes]): Item[] =>
    nodes.length === 1 || grouping === 'nothing' || unfolded.has(id)
      ? nodes.map(single)
      : [
          {
            id,
            title: id.split(' · ')[0]!,
            sub: [`${nodes.length} nodes`, ...id.split(' · ').slice(1)].join(', '),
            nodes,
            isGroup: true,
          },
        ],
  );
  return drawn.slice(0, DRAWN_ITEMS);
}

function runsText({ runs }: PageNode): string {
  if (runs.length === 0) return 'whole study';
  return runs.length <= 2 ? runs.join(', ') : `${runs[0]} and ${runs.length - 1} more`;
}

function draw(): void {
  const drawn = items();
  const itemOf = new Map(drawn.flatMap((item) => item.nodes.map((node) => [node.key, item.id])));
  const sourcesOf = (item: Item) =>
    new Set(
      item.nodes
        .flatMap(({ inputs }) => inputs.flatMap((input) => itemOf.get(input) ?? []))
        .filter((id) => id !== item.id),
    );
  const sources = new Map(drawn.map((item) => [item.id, sourcesOf(item)]));
  const consumed = new Set([...sources.values()].flatMap((ids) => [...ids]));
  const gatherers = drawn.filter(({ id }) => !consumed.has(id) && sources.get(id)!.size > GATHERED_ITEMS);
  const graph = new Graph()
    .setGraph({ rankdir: 'LR', nodesep: 10, edgesep: 5, ranksep: 60, marginx: 20, marginy: 20 })
    .setDefaultEdgeLabel(() => ({}));
  for (const item of drawn) if (!gatherers.includes(item)) graph.setNode(item.id, sizeOf(item));
  for (const id of graph.nodes()) for (const from of sources.get(id)!) graph.setEdge(from, id);
  layout(graph);
  places = new Map(graph.nodes().map((id) => [id, graph.node(id) as Place]));
  const right = Math.max(...[...places.values()].map(({ x, width }) => x + width / 2));
  const middle = ((graph.graph() as { height?: number }).height ?? 0) / 2;
  gatherers.forEach((item, index) =>
    places.set(item.id, { x: right + 240, y: middle + 70 * (index - (gatherers.length - 1) / 2), ...sizeOf(item) }),
  );
  const gathered = gatherers.flatMap(({ id }) => [...sources.get(id)!].map((from) => gatheringPath(from, id)));
  canvas.replaceChildren(
    ...gathered,
    ...graph.edges().map((edge) => edgePath(edge as { v: string; w: string }, graph)),
    ...drawn.map(nodeBox),
  );
  mark();
}

function sizeOf({ title, sub }: Item): Pick<Place, 'width' | 'height'> {
  return { width: Math.max(92, Math.min(240, 22 + 7.2 * Math.max(title.length, 0.85 * sub.length))), height: 44 };
}

function gatheringPath(from: string, to: string): SVGElement {
  const [a, b] = [places.get(from)!, places.get(to)!];
  const [start, end] = [a.x + a.width / 2, b.x - b.width / 2];
  const path = svgElement('path', { class: 'edge gathering', 'data-from': from, 'data-to': to });
  path.setAttribute('d', `M${start},${a.y} C${end - 110},${a.y} ${end - 60},${b.y} ${end},${b.y}`);
  return path;
}

function edgePath({ v, w }: { v: string; w: string }, graph: Graph): SVGElement {
  const { points } = graph.edge(v, w) as { points: { x: number; y: number }[] };
  const path = svgElement('path', { class: 'edge', 'data-from': v, 'data-to': w });
  const [first, ...rest] = points;
  const curve = rest.map(({ x, y }, index) => {
    const before = index === 0 ? first! : rest[index - 1]!;
    const middle = (before.x + x) / 2;
    return `C${middle},${before.y} ${middle},${y} ${x},${y}`;
  });
  path.setAttribute('d', `M${first!.x},${first!.y}${curve.join('')}`);
  return path;
}

function nodeBox(item: Item): SVGElement {
  const { x, y, width, height } = places.get(item.id)!;
  const group = svgElement('g', {
    class: `node${item.isGroup ? ' group' : ''}`,
    transform: `translate(${x - width / 2},${y - height / 2})`,
    tabindex: '0',
    role: 'button',
    'data-id': item.id,
  });
  const counts = STATES.map(
    (state) => [state, item.nodes.filter((node) => node.state === state).length] as const,
  ).filter(([, count]) => count > 0);
  group.setAttribute(
    'aria-label',
    `${item.title}, ${item.sub}: ${counts.map(([state, count]) => `${count} ${state}`).join(', ')}`,
  );
  if (item.isGroup)
    group.append(
      svgElement('rect', { class: 'box', x: '4', y: '4', width: String(width), height: String(height), rx: '7' }),
    );
  group.append(svgElement('rect', { class: 'box', width: String(width), height: String(height), rx: '7' }));
  let at = 8;
  for (const [state, count] of counts) {
    const length = ((width - 16) * count) / item.nodes.length;
    group.append(
      svgElement('rect', {
        class: `bar ${state}`,
        x: String(at),
        y: String(height - 8),
        width: String(length),
        height: state === 'missing' ? '1.5' : '4',
        rx: '1',
      }),
    );
    at += length;
  }
  const text = (content: string, className: string, baseline: number) => {
    const label = svgElement('text', { class: className, x: '10', y: String(baseline) });
    label.textContent = content.length * 6.6 > width ? `${content.slice(0, Math.floor(width / 6.6) - 2)}…` : content;
    return label;
  };
  group.append(text(`${item.isGroup ? '▸ ' : ''}${item.title}`, 'title', 17), text(item.sub, 'sub', 31));
  group.addEventListener('click', () => activate(item));
  group.addEventListener(
    'keydown',
    (event) => (event.key === 'Enter' || event.key === ' ') && (event.preventDefault(), activate(item)),
  );
  return group;
}

function activate(item: Item): void {
  if (!item.isGroup) return choose(item.id);
  unfolded = new Set([...unfolded, item.id]);
  draw();
}

function matches(node: PageNode): boolean {
  if (words === '') return true;
  const text = [
    ...namesOf(node),
    `round ${node.round}`,
    node.key,
    ...Object.entries(node.params).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
  ]
    .join('\n')
    .toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}

/** What a node is called, alone and as the selectors of the command line say it. */
function namesOf({ stage, step, round, state, runs }: PageNode): string[] {
  const experiments = runs.map((run) => run.slice(0, run.lastIndexOf('/')));
  return [
    stage,
    step,
    state,
    `stage=${stage}`,
    `step=${step}`,
    `round=${round}`,
    ...runs,
    ...experiments.flatMap((name) => [name, `experiment=${name}`]),
  ].map((name) => name.toLowerCase());
}

/** Dims what the search does not mean, and marks what is chosen with its neighbours. */
function mark(): void {
  const hits = page.nodes.filter(matches);
  found.textContent = words === '' ? '' : `${hits.length.toLocaleString('en')} found`;
  const keys = new Set(hits.map(({ key }) => key));
  const inGroups = new Set(hits.map(groupOf));
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

function showFirst(): void {
  const asked = words.split(/\s+/);
  // rather what is called so than what has it in a value
  const score = (node: PageNode) => asked.filter((word) => namesOf(node).includes(word)).length;
  const hits = page.nodes.filter((node) => matches(node) && !hiddenStates.has(node.state));
  const [best] = hits.sort((a, b) => score(b) - score(a));
  if (best !== undefined) choose(best.key, true);
}

function choose(key: string | undefined, centre = false): void {
  selected = key;
  const node = key === undefined ? undefined : byKey.get(key);
  details.hidden = node === undefined;
  if (node === undefined) return mark();
  if (!places.has(node.key)) {
    unfolded = new Set([...unfolded, groupOf(node)]);
    draw();
  }
  details.replaceChildren(
    on(element('button', { class: 'close', 'aria-label': 'Close' }, '×'), () => choose(undefined)),
    element('h2', {}, `${node.step}${node.round > 0 ? `, round ${node.round}` : ''}`),
    element(
      'div',
      {},
      element('span', { class: `mark ${node.state}` }),
      ` ${node.state}${node.reason === node.state ? '' : `: ${node.reason}`}`,
    ),
    section('Node', { stage: node.stage, key: node.key.slice(0, 16), runs: node.runs.join(', ') || 'whole study' }),
    section('Parameters', node.params),
    section('Metrics', node.metrics),
    links('Made of', node.inputs),
    links(
      'Used by',
      page.nodes.filter(({ inputs }) => inputs.includes(node.key)).map(({ key: consumer }) => consumer),
    ),
    section('Artifacts', Object.fromEntries(node.artifacts.map((name) => [name, '']))),
    element('h3', {}, 'In the terminal'),
    element('code', {}, `swp show key=${node.key.slice(0, 12)}`),
    element('br', {}),
    element('code', {}, `swp explain key=${node.key.slice(0, 12)}`),
  );
  mark();
  if (centre) centreOn(node.key);
}

function section(title: string, values: Record<string, unknown>): HTMLElement {
  const entries = Object.entries(values);
  if (entries.length === 0) return element('span', {});
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return element(
    'section',
    {},
    element('h3', {}, title),
    element(
      'dl',
      {},
      ...entries.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, text(value).slice(0, 400))]),
    ),
  );
}

function links(title: string, keys: string[]): HTMLElement {
  const known = keys.flatMap((key) => byKey.get(key) ?? []);
  if (known.length === 0) return element('span', {});
  const shown = known.slice(0, 40).map((node) =>
    element(
      'li',
      {},
      on(
        element(
          'a',
          { tabindex: '0', role: 'link' },
          `${node.step} ${node.round > 0 ? node.round : ''} ${runsText(node)}`,
        ),
        () => choose(node.key, true),
      ),
    ),
  );
  if (known.length > shown.length) shown.push(element('li', {}, `and ${known.length - shown.length} more`));
  return element('section', {}, element('h3', {}, title), element('ul', {}, ...shown));
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
  select(svg as SVGSVGElement).call(zooming.transform, transform);
}

function scaleBy(factor: number): void {
  select(svg as SVGSVGElement).call(zooming.scaleBy, factor);
}

function centreOn(key: string): void {
  const place = places.get(key);
  if (place === undefined) return;
  const { width, height } = svg.getBoundingClientRect();
  select(svg as SVGSVGElement).call(
    zooming.transform,
    zoomIdentity.translate(width / 2 - place.x, height / 2 - place.y),
  );
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

function svgElement(name: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** Clicks, and Enter where something that is no button is focused. */
function on<Target extends HTMLElement>(target: Target, action: () => void): Target {
  target.addEventListener('click', action);
  if (target.tagName === 'A') target.addEventListener('keydown', (event) => event.key === 'Enter' && action());
  return target;
}
