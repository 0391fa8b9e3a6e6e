/** The DAG for other programs: Mermaid and Graphviz. */
import type { NodeState } from '../engine/event.ts';
import type { PlannedState } from '../engine/plan.ts';
import { runsOf, experimentsOf } from '../project/nodes.ts';

/** Fill and stroke by state, from the Okabe-Ito palette, which the colour-blind can tell apart. */
const FILLS: Record<NodeState, string> = {
  cached: '#9fd8c4',
  missing: '#ffffff',
  stale: '#f3d38a',
  blocked: '#f2b8a0',
};

/** https://mermaid.js.org/syntax/flowchart.html */
export function mermaidText(nodes: readonly PlannedState[]): string {
  const ids = idsOf(nodes);
  const lines = ['flowchart LR'];
  for (const planned of nodes)
    lines.push(`  ${ids.get(planned.node.key)}["${titleOf(planned).join('<br/>')}"]:::${planned.state}`);
  for (const { from, to, artifact } of edgesOf(nodes)) lines.push(`  ${ids.get(from)} -->|${artifact}| ${ids.get(to)}`);
  const states = new Set<string>(nodes.map(({ state }) => state));
  for (const [state, fill] of Object.entries(FILLS))
    if (state !== 'blocked' || states.has(state))
      lines.push(`  classDef ${state} fill:${fill},stroke:#333333,color:#000000`);
  return lines.join('\n');
}

/** https://graphviz.org/doc/info/lang.html */
export function dotText(nodes: readonly PlannedState[]): string {
  const ids = idsOf(nodes);
  const lines = ['digraph study {', '  rankdir=LR;', '  node [shape=box, style=filled, fontname="sans-serif"];'];
  for (const planned of nodes)
    lines.push(
      `  ${ids.get(planned.node.key)} [label="${titleOf(planned).join('\\n')}", fillcolor="${FILLS[planned.state]}", tooltip="${planned.node.key}"];`,
    );
  for (const { from, to, artifact } of edgesOf(nodes))
    lines.push(`  ${ids.get(from)} -> ${ids.get(to)} [label="${artifact}"];`);
  return [...lines, '}'].join('\n');
}

function idsOf(nodes: readonly PlannedState[]): Map<string, string> {
  return new Map(nodes.map(({ node }, index) => [node.key, `n${index}`]));
}

/** Edges between the nodes shown; those to nodes left out by a selector are left out too. */
function edgesOf(nodes: readonly PlannedState[]): { from: string; to: string; artifact: string }[] {
  const shown = new Set(nodes.map(({ node }) => node.key));
  return nodes.flatMap(({ node }) =>
    [...Object.values(node.inputs), ...Object.values(node.gathers).flat()]
      .filter(({ key }) => shown.has(key))
      .map(({ key, artifact }) => ({ from: key, to: node.key, artifact })),
  );
}

/** Step and round, then the runs it serves: names contain only letters, digits, '.', '_' and '-'. */
function titleOf({ node }: PlannedState): string[] {
  const [label] = node.labels;
  if (label === undefined || runsOf(node).length === 0) return [node.stage.name, 'whole study'];
  const experiments = experimentsOf(node);
  const shown =
    experiments.length > 4
      ? `${experiments.slice(0, 3).join(' ')} and ${experiments.length - 3} more`
      : experiments.join(' ');
  return [label.round === 0 ? label.step : `${label.step}, round ${label.round}`, `${shown}, seed ${label.seed}`];
}
