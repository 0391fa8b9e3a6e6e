/** What of a DAG is drawn: single nodes, and groups that stand for their nodes. */
import type { PageNode } from '../page-data.ts';

export const GROUPINGS = ['experiment and stage', 'stage', 'experiment', 'nothing'] as const;
export type Grouping = (typeof GROUPINGS)[number];
export type State = PageNode['state'];

/** Something drawn: a node, or a group of them. */
export interface Item {
  id: string;
  title: string;
  sub: string;
  nodes: PageNode[];
  isGroup: boolean;
}

/** What the reader has chosen to see. */
export interface Folding {
  grouping: Grouping;
  /** Groups that are shown as their nodes. */
  unfolded: ReadonlySet<string>;
  hiddenStates: ReadonlySet<State>;
}

/** More drawn items than these would take the layout minutes. */
const DRAWN_ITEMS = 3_000;

/** The group that a node is folded into. */
export function groupOf(node: PageNode, grouping: Grouping): string {
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

/** What is drawn: groups that are folded, and the nodes of the others. */
export function itemsOf(nodes: readonly PageNode[], { grouping, unfolded, hiddenStates }: Folding): Item[] {
  const shown = nodes.filter(({ state }) => !hiddenStates.has(state));
  const groups = new Map<string, PageNode[]>();
  for (const node of shown) {
    const group = groupOf(node, grouping);
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
  const drawn = [...groups].flatMap(([id, members]): Item[] =>
    members.length === 1 || grouping === 'nothing' || unfolded.has(id)
      ? members.map(single)
      : [
          {
            id,
            title: id.split(' · ')[0]!,
            sub: [`${members.length} nodes`, ...id.split(' · ').slice(1)].join(', '),
            nodes: members,
            isGroup: true,
          },
        ],
  );
  return drawn.slice(0, DRAWN_ITEMS);
}

/** `A1/s0, A1/s1`, or the first and how many more. */
export function runsText({ runs }: PageNode): string {
  if (runs.length === 0) return 'whole study';
  return runs.length <= 2 ? runs.join(', ') : `${runs[0]} and ${runs.length - 1} more`;
}
