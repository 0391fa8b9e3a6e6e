/** swp explain: why nodes are cached, stale, missing or blocked, and what differs between two keys. */
import type { Colors } from 'picocolors/types';
import type { Failure } from '../../base/failure.ts';
import { addTo } from '../../base/groups.ts';
import type { Cause, Explanation } from '../../engine/explanation.ts';
import { compareKeys, explainNodes } from '../../project/explanations.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { nodeJson } from '../../project/nodes.ts';
import { openProject, type Project } from '../../project/project.ts';
import { causeText, differenceText } from '../cause-text.ts';
import { failureText } from '../failure-text.ts';
import { reasonText } from '../reason-text.ts';
import { labelText } from '../run-text.ts';
import { plural } from '../study-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** Of a node with many causes, so many are written out. */
const SHOWN_CAUSES = 8;

export async function explain(words: string[], options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  const [first, second] = words;
  if (words.length === 2 && words.every((word) => !word.includes('=')))
    return writeKeyComparison([first!, second!], project, options, terminal);
  const { explanations, nodes } = await explainNodes(project, words);
  if (options.json)
    terminal.line(
      JSON.stringify({ nodes: explanations.map(({ planned, ...rest }) => ({ ...nodeJson(planned), ...rest })) }),
    );
  else if (explanations.length === 0)
    terminal.line(`All ${nodes.toLocaleString('en')} nodes are cached. \`swp explain stage=...\` says since when.`);
  else writeExplanations(explanations, terminal);
}

async function writeKeyComparison(
  words: [string, string],
  project: Project,
  { json }: ProjectOptions,
  terminal: Terminal,
): Promise<void> {
  const { keys, stages, differences } = await compareKeys(project, words);
  if (json) return terminal.line(JSON.stringify({ keys, differences }));
  terminal.line(`${keys[0].slice(0, 12)} (${stages[0]}) -> ${keys[1].slice(0, 12)} (${stages[1]}):`);
  if (differences.length === 0) terminal.line('  nothing differs: they are one key.');
  for (const difference of differences) terminal.line(`  ${differenceText(difference)}`);
}

function writeExplanations(explanations: Explanation[], terminal: Terminal): void {
  const { colors } = terminal;
  const groups = new Map<string, Explanation[]>();
  for (const explanation of explanations) {
    const { planned, relation, causes } = explanation;
    const group = JSON.stringify([
      planned.node.stage.name,
      planned.state,
      reasonText(planned.reason),
      relation ?? '',
      causes.map(causeText),
    ]);
    addTo(groups, group, explanation);
  }
  for (const members of groups.values()) {
    const { planned, comparedWith, causes } = members[0]!;
    const { stage, labels } = planned.node;
    const head = `${plural(members.length, `${stage.name} node`)}: ${planned.state}`;
    const why = planned.state === 'cached' ? '' : `, ${reasonText(planned.reason)}`;
    terminal.line(
      `${colors.bold(head)}${why}${colors.dim(`  ${members.length > 1 ? 'such as ' : ''}${labelText(labels[0]!)}`)}`,
    );
    if (planned.reason.kind === 'missing-input')
      for (const line of remedyOf(planned.reason.failure, colors)) terminal.lines(line);
    if (planned.evicted)
      terminal.line(`  evicted, and computed again when something asks for it: ${planned.evicted.join(', ')}`);
    if (planned.record !== undefined)
      terminal.line(
        colors.dim(
          `  computed ${planned.record.finishedAt} on ${String(planned.record.environment.host)}, key ${planned.record.key.slice(0, 12)}`,
        ),
      );
    if (planned.record?.aliasOf !== undefined)
      terminal.line(colors.dim(`  by ${planned.record.aliasOf.slice(0, 12)}, another recipe with the same content`));
    for (const cause of causes.slice(0, SHOWN_CAUSES))
      terminal.line(`  ${fromWhere(cause, stage.name)}${colors.yellow(causeText(cause))}`);
    if (causes.length > SHOWN_CAUSES) terminal.line(`  ... and ${causes.length - SHOWN_CAUSES} more differences`);
    if (comparedWith !== undefined)
      terminal.line(colors.dim(`  compared with ${comparedWith.slice(0, 12)}, ${comparedText(members[0]!)}`));
  }
}

function comparedText({ planned, relation, study, asNear = 0 }: Explanation): string {
  if (relation === 'before') return 'which stood here before';
  if (relation === 'elsewhere') return `which stood here in ${study}`;
  const others = asNear === 0 ? '' : ` (${plural(asNear, 'other')} ${asNear === 1 ? 'is' : 'are'} as near)`;
  return `the nearest record of ${planned.node.stage.name}${others}`;
}

/** The rest of a failure's text, its first line being the reason: what was expected, what to do. */
function remedyOf(failure: Failure, colors: Colors): string[] {
  return failureText(failure, colors, '').split('\n').slice(1);
}

function fromWhere({ stage }: Cause, own: string): string {
  return stage === own ? '' : 'follows from ';
}
