/** swp show: the records of nodes, with their metrics and the paths of their artifacts. */
import type { Command } from 'commander';
import type { CacheRecord } from '../../cache/record.ts';
import type { PlannedState } from '../../engine/plan.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** More records than these are not written out for people. */
const SHOWN_NODES = 12;

export function declareShow(program: Command): Command {
  const command = program
    .command('show')
    .description('Show the records of nodes: parameters, metrics, artifacts, environment.')
    .argument('<selectors...>', 'which nodes, e.g. stage=eval experiment=A1 seed=0')
    .addHelpText(
      'after',
      `
Examples:
  swp show stage=eval experiment=A1 seed=0
  swp show key=3fa9c1
  swp show step=train experiment=A1 seed=0 round=1 --json    {"key", "stage", ..., "artifacts":{name: path}, "metrics", "record"}
  swp show stage=eval --json                                 {"nodes":[...]}: a list where there are several

The paths are those of files in the cache: read them, never change them.
${SELECTOR_HELP}`,
    )
    .action(show);
  return withStudyOptions(command);
}

async function show(words: string[], options: ProjectOptions): Promise<void> {
  const { openProject, planProject, selectPlanned, nodeJson } = await import('../../project/project.ts');
  const project = await openProject(options);
  const nodes = selectPlanned(await planProject(project), words);
  const terminal = openTerminal();
  if (options.json) {
    const shown = await Promise.all(
      nodes.map(async (planned) => {
        const record = await recordOf(project, planned);
        return {
          ...nodeJson(planned),
          params: planned.node.params,
          artifacts: artifactPaths(project, record),
          metrics: record?.metrics ?? {},
          record: record ?? null,
        };
      }),
    );
    terminal.line(JSON.stringify(shown.length === 1 ? shown[0] : { nodes: shown }));
    return;
  }
  for (const [index, planned] of nodes.slice(0, SHOWN_NODES).entries()) {
    if (index > 0) terminal.line();
    await writeNode(project, planned, terminal);
  }
  if (nodes.length > SHOWN_NODES)
    terminal.line(`\n... and ${nodes.length - SHOWN_NODES} more nodes. Select fewer, or take --json.`);
}

/** @throws SwpError of kind `content` for a damaged record, which planning only counts as missing */
async function recordOf(project: Project, { node, record }: PlannedState): Promise<CacheRecord | undefined> {
  return record ?? (await project.cache.record(node.key));
}

function artifactPaths({ cache }: Project, record: CacheRecord | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record?.artifacts ?? {}).map(([name, artifact]) => [name, cache.artifactPath(artifact)]),
  );
}

async function writeNode(project: Project, planned: PlannedState, terminal: Terminal): Promise<void> {
  const [{ labelText, numberText }, { reasonText }, { durationText }] = await Promise.all([
    import('../run-text.ts'),
    import('../reason-text.ts'),
    import('../duration.ts'),
  ]);
  const { colors } = terminal;
  const { node, state, reason } = planned;
  const record = await recordOf(project, planned);
  const section = (title: string, entries: [string, string][]) => {
    if (entries.length === 0) return;
    terminal.line(colors.dim(title));
    const width = Math.max(...entries.map(([name]) => name.length));
    for (const [name, value] of entries) terminal.line(`  ${name.padEnd(width)}  ${value}`);
  };
  terminal.line(
    `${colors.bold(node.labels.slice(0, 3).map(labelText).join(', '))}${node.labels.length > 3 ? ` and ${node.labels.length - 3} more places` : ''}`,
  );
  const why = state === 'cached' ? '' : `: ${reasonText(reason)}`;
  section('node', [
    ['stage', node.stage.name],
    ['key', node.key],
    ['state', `${state}${why}`],
  ]);
  section(
    'parameters',
    Object.entries(node.params).map(([name, value]) => [name, shorten(JSON.stringify(value))]),
  );
  if (record === undefined) return;
  section(
    'metrics',
    Object.entries(record.metrics).map(([name, value]) => [
      name,
      typeof value === 'number' ? numberText(value) : String(value),
    ]),
  );
  section('artifacts', Object.entries(artifactPaths(project, record)));
  section('record', [
    ['computed', `${record.finishedAt} in ${durationText(record.seconds)}`],
    ...(record.aliasOf === undefined ? [] : ([['results of', record.aliasOf]] as [string, string][])),
    ...(record.log === undefined ? [] : ([['log', `${project.cache.directory}/${record.log}`]] as [string, string][])),
    ...Object.entries(record.environment).map(([name, value]): [string, string] => [
      name,
      shorten(typeof value === 'string' ? value : JSON.stringify(value)),
    ]),
  ]);
}

function shorten(text: string): string {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
