/** Lays items out from left to right, and draws them as boxes with lines between them. */
import { largest } from '../../../base/extremes.ts';
import { Graph, layout } from '@dagrejs/dagre';
import { svgElement } from './elements.ts';
import type { Item, State } from './items.ts';

export const STATES: readonly State[] = ['cached', 'missing', 'stale', 'blocked', 'failed'];

/**
 * What gathers from more items than these stands beside the drawing: lines to it from everywhere would push all else
 * apart.
 */
const GATHERED_ITEMS = 12;

/** Where something is drawn, by its middle. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A line between two items, by their ids. */
interface Edge {
  from: string;
  to: string;
}

/** Where everything stands. */
export interface Drawing {
  items: readonly Item[];
  places: ReadonlyMap<string, Place>;
  /** With the points that the layout leads them through. */
  edges: (Edge & { points: { x: number; y: number }[] })[];
  /** Lines to what gathers from everywhere. */
  gathering: Edge[];
}

export function layOut(drawn: readonly Item[]): Drawing {
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
  const places = new Map(graph.nodes().map((id) => [id, graph.node(id) as Place]));
  const right = largest([...places.values()].map(({ x, width }) => x + width / 2));
  const middle = ((graph.graph() as { height?: number }).height ?? 0) / 2;
  gatherers.forEach((item, index) =>
    places.set(item.id, { x: right + 240, y: middle + 70 * (index - (gatherers.length - 1) / 2), ...sizeOf(item) }),
  );
  return {
    items: drawn,
    places,
    edges: graph.edges().map(({ v, w }) => ({ from: v, to: w, points: graph.edge(v, w).points })),
    gathering: gatherers.flatMap(({ id }) => [...sources.get(id)!].map((from) => ({ from, to: id }))),
  };
}

/** @param activate what a click on an item does */
export function elementsOf({ items, places, edges, gathering }: Drawing, activate: (item: Item) => void): SVGElement[] {
  return [
    ...gathering.map(({ from, to }) => gatheringPath({ from, to }, places.get(from)!, places.get(to)!)),
    ...edges.map(edgePath),
    ...items.map((item) => nodeBox(item, places.get(item.id)!, activate)),
  ];
}

function sizeOf({ title, sub }: Item): Pick<Place, 'width' | 'height'> {
  return { width: Math.max(92, Math.min(240, 22 + 7.2 * Math.max(title.length, 0.85 * sub.length))), height: 44 };
}

function gatheringPath({ from, to }: Edge, a: Place, b: Place): SVGElement {
  const [start, end] = [a.x + a.width / 2, b.x - b.width / 2];
  const path = svgElement('path', { class: 'edge gathering', 'data-from': from, 'data-to': to });
  path.setAttribute('d', `M${start},${a.y} C${end - 110},${a.y} ${end - 60},${b.y} ${end},${b.y}`);
  return path;
}

function edgePath({ from, to, points }: Drawing['edges'][number]): SVGElement {
  const path = svgElement('path', { class: 'edge', 'data-from': from, 'data-to': to });
  const [first, ...rest] = points;
  const curve = rest.map(({ x, y }, index) => {
    const before = index === 0 ? first! : rest[index - 1]!;
    const middle = (before.x + x) / 2;
    return `C${middle},${before.y} ${middle},${y} ${x},${y}`;
  });
  path.setAttribute('d', `M${first!.x},${first!.y}${curve.join('')}`);
  return path;
}

function nodeBox(item: Item, { x, y, width, height }: Place, activate: (item: Item) => void): SVGElement {
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
