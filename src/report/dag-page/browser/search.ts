/** Which nodes match a search. */
import type { PageNode } from '../page-data.ts';

/** Whether each of the words stands somewhere in what is known of a node; a seed and a round are meant as a whole. */
export function matches(node: PageNode, words: string): boolean {
  if (words === '') return true;
  const known = [
    ...namesOf(node),
    `round ${node.round}`,
    `key=${node.key}`,
    ...Object.entries(node.params).map(([name, value]) => `${name}=${JSON.stringify(value)}`.toLowerCase()),
  ];
  const text = known.join('\n');
  return words.split(/\s+/).every((word) => (/^(seed|round)=\d+$/.test(word) ? known : text).includes(word));
}

/** What a node is called, alone and as the selectors of the command line say it. */
function namesOf({ stage, step, round, state, runs }: PageNode): string[] {
  const experiments = runs.map((run) => run.slice(0, run.lastIndexOf('/')));
  const seeds = runs.map((run) => run.slice(run.lastIndexOf('/s') + 2));
  return [
    stage,
    step,
    state,
    `stage=${stage}`,
    `step=${step}`,
    `round=${round}`,
    ...runs,
    ...experiments.flatMap((name) => [name, `experiment=${name}`]),
    ...seeds.map((seed) => `seed=${seed}`),
  ].map((name) => name.toLowerCase());
}

/** The node that is most likely meant: one that has the word as a name rather than in a value. */
export function bestMatch(nodes: readonly PageNode[], words: string): PageNode | undefined {
  const asked = words.split(/\s+/);
  const score = (node: PageNode) => asked.filter((word) => namesOf(node).includes(word)).length;
  return nodes.filter((node) => matches(node, words)).sort((a, b) => score(b) - score(a))[0];
}
