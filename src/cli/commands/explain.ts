/** swp explain: why nodes are cached, stale or missing, and what differs between two keys. */
import type { Command } from 'commander';
import type { RecordCollection } from '../../cache/record-history.ts';
import type { Cause, Explanation } from '../../engine/explanation.ts';
import { SwpError } from '../../base/failure.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** Of a node with many causes, so many are written out. */
const SHOWN_CAUSES = 8;

export function declareExplain(program: Command): Command {
  const command = program
    .command('explain')
    .description(
      'Say why nodes are cached, stale or missing: the very values that differ from the nearest earlier record.',
    )
    .argument('[words...]', 'selectors, or two keys to compare')
    .addHelpText(
      'after',
      `
Examples:
  swp explain                            everything that is not cached, by cause
  swp explain stage=train experiment=A1  these nodes
  swp explain 3fa9c1 77b02e              what differs between any two keys ever recorded, or planned now
  swp explain --json                     {"nodes":[{key, stage, ..., comparedWith, causes:[{stage, path, before, after}]}]}

A difference is told where it arose: if another learning rate makes every later node stale, that is one cause.
${SELECTOR_HELP}`,
    )
    .action(explain);
  return withStudyOptions(command);
}

async function explain(words: string[], options: ProjectOptions): Promise<void> {
  const { openProject } = await import('../../project/project.ts');
  const { RecordCollection } = await import('../../cache/record-history.ts');
  const project = await openProject(options);
  const history = new RecordCollection(project.cache);
  const terminal = openTerminal();
  if (words.length === 2 && words.every((word) => !word.includes('=')))
    return compareKeys(words as [string, string], project, history, options, terminal);
  const { planProject, selectPlanned, nodeJson } = await import('../../project/project.ts');
  const { Explainer } = await import('../../engine/explanation.ts');
  const planned = selectPlanned(await planProject(project), words);
  const selected = words.length > 0 ? planned : planned.filter(({ state }) => state !== 'cached');
  const explainer = new Explainer(
    project.dag,
    history,
    (place) => project.state.lastKey(place),
    async (stage) => (await project.stages.load(stage)).packages,
  );
  const explanations = await Promise.all(selected.map((planned) => explainer.explain(planned)));
  if (options.json)
    terminal.line(
      JSON.stringify({ nodes: explanations.map(({ planned, ...rest }) => ({ ...nodeJson(planned), ...rest })) }),
    );
  else if (explanations.length === 0)
    terminal.line(
      `All ${planned.length.toLocaleString('en')} nodes are cached. \`swp explain stage=...\` says since when.`,
    );
  else await writeExplanations(explanations, terminal);
}

async function writeExplanations(explanations: Explanation[], terminal: Terminal): Promise<void> {
  const [{ causeText }, { reasonText }, { labelText }, { plural }] = await Promise.all([
    import('../cause-text.ts'),
    import('../reason-text.ts'),
    import('../run-text.ts'),
    import('../study-text.ts'),
  ]);
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
    groups.set(group, [...(groups.get(group) ?? []), explanation]);
  }
  for (const members of groups.values()) {
    const { planned, comparedWith, relation, causes } = members[0]!;
    const { stage, labels } = planned.node;
    const head = `${plural(members.length, `${stage.name} node`)}: ${planned.state}`;
    const why = planned.state === 'cached' ? '' : `, ${reasonText(planned.reason)}`;
    terminal.line(
      `${colors.bold(head)}${why}${colors.dim(`  ${members.length > 1 ? 'such as ' : ''}${labelText(labels[0]!)}`)}`,
    );
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
      terminal.line(
        colors.dim(
          `  compared with ${comparedWith.slice(0, 12)}, ${relation === 'before' ? 'which stood here before' : `the nearest record of ${stage.name}`}`,
        ),
      );
  }
}

function fromWhere({ stage }: Cause, own: string): string {
  return stage === own ? '' : 'follows from ';
}

async function compareKeys(
  words: [string, string],
  project: Project,
  history: RecordCollection,
  options: ProjectOptions,
  terminal: Terminal,
): Promise<void> {
  const [{ preimageOf }, { differences }, { differenceText }] = await Promise.all([
    import('../../engine/explanation.ts'),
    import('../../base/json-diff.ts'),
    import('../cause-text.ts'),
  ]);
  const keys = words.map((word) => wholeKey(word, project, history));
  const [a, b] = await Promise.all(
    keys.map(async (key) => (await preimageOf(key, project.dag, history)) ?? unreadable(key, project)),
  );
  const found = differences(a, b);
  if (options.json) return terminal.line(JSON.stringify({ keys, differences: found }));
  terminal.line(`${keys[0]!.slice(0, 12)} (${String(a!.stage)}) -> ${keys[1]!.slice(0, 12)} (${String(b!.stage)}):`);
  if (found.length === 0) terminal.line('  nothing differs: they are one key.');
  for (const difference of found) terminal.line(`  ${differenceText(difference)}`);
}

/** @throws SwpError of kind `usage` for what is the beginning of no key, or of several */
function wholeKey(word: string, { dag }: Project, history: RecordCollection): string {
  const usage = (message: string, expected: string) => new SwpError({ kind: 'usage', message, expected });
  if (!/^[0-9a-f]{4,64}$/.test(word))
    throw usage(
      `"${word}" is no key.`,
      'at least the first four of its 64 hexadecimal digits, or NAME=VALUE selectors',
    );
  const keys = [...new Set([...history.keysBeginning(word), ...dag.nodes().filter((key) => key.startsWith(word))])];
  if (keys.length === 1) return keys[0]!;
  if (keys.length === 0)
    throw usage(`No key begins with ${word}.`, 'a key that was recorded in this cache, or is planned in this study');
  throw usage(
    `${keys.length} keys begin with ${word}.`,
    `more digits, such as ${keys
      .slice(0, 3)
      .map((key) => key.slice(0, word.length + 4))
      .join(', ')}`,
  );
}

function unreadable(key: string, { cache }: Project): never {
  throw new SwpError({
    kind: 'content',
    path: cache.recordPath(key),
    message: 'The record is damaged',
    remedy: 'Run `swp verify` to see what else is.',
  });
}
