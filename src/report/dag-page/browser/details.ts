/** The panel beside the drawing: all that is known of one node. */
import type { PageNode } from '../page-data.ts';
import { element, on } from './elements.ts';
import { runsText } from './items.ts';

/**
 * @param byKey all nodes
 * @param choose shows another node, or none
 */
export function detailsOf(
  node: PageNode,
  byKey: ReadonlyMap<string, PageNode>,
  choose: (key: string | undefined, centre?: boolean) => void,
): HTMLElement[] {
  const users = [...byKey.values()].filter(({ inputs }) => inputs.includes(node.key));
  const makers = node.inputs.flatMap((key) => byKey.get(key) ?? []);
  return [
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
    links('Made of', makers, choose),
    links('Used by', users, choose),
    section('Artifacts', Object.fromEntries(node.artifacts.map((name) => [name, '']))),
    element('h3', {}, 'In the terminal'),
    element('code', {}, `swp show key=${node.key.slice(0, 12)}`),
    element('br', {}),
    element('code', {}, `swp explain key=${node.key.slice(0, 12)}`),
  ];
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

function links(title: string, known: readonly PageNode[], choose: (key: string, centre: boolean) => void): HTMLElement {
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
