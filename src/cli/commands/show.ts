/** swp show: the records of nodes, with their metrics and the paths of their artifacts. */
import type { ProjectOptions } from '../../project/location.ts';
import { nodeJson, planNodes } from '../../project/nodes.ts';
import { openProject } from '../../project/project.ts';
import { readRecord, type RecordedNode } from '../../project/records.ts';
import { durationText } from '../duration.ts';
import { warningText } from '../failure-text.ts';
import { reasonText } from '../reason-text.ts';
import { labelText, numberText } from '../run-text.ts';
import { inLine } from '../styles.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** More records than these are not written out for people. */
const SHOWN_NODES = 12;

export async function show(words: string[], options: ProjectOptions): Promise<void> {
  const project = await openProject(options);
  requireCache(options);
  const nodes = await planNodes(project, words);
  const terminal = openTerminal();
  if (options.json) {
    const recorded = await Promise.all(nodes.map((planned) => readRecord(project, planned)));
    for (const each of recorded) warnOfDamage(each, terminal);
    const shown = recorded.map(recordJson);
    return terminal.line(JSON.stringify(shown.length === 1 ? shown[0] : { nodes: shown }));
  }
  for (const [index, planned] of nodes.slice(0, SHOWN_NODES).entries()) {
    if (index > 0) terminal.line();
    const recorded = await readRecord(project, planned);
    writeNode(recorded, terminal);
    warnOfDamage(recorded, terminal);
  }
  if (nodes.length > SHOWN_NODES)
    terminal.lines(`\n... and ${nodes.length - SHOWN_NODES} more nodes. Select fewer, or take --json.`);
}

function warnOfDamage({ damage }: RecordedNode, terminal: Terminal): void {
  if (damage !== undefined) terminal.errorLines(warningText(damage, terminal.colors));
}

function recordJson({ planned, record, artifacts }: RecordedNode) {
  return {
    ...nodeJson(planned),
    params: planned.node.params,
    artifacts,
    metrics: record?.metrics ?? {},
    record: record ?? null,
  };
}

function writeNode({ planned, record, artifacts, log }: RecordedNode, terminal: Terminal): void {
  const { colors } = terminal;
  const { node, state, reason } = planned;
  const section = (title: string, contents: [string, string][]) => {
    if (contents.length === 0) return;
    const entries = contents.map((pair) => pair.map(inLine) as [string, string]);
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
  section('artifacts', Object.entries(artifacts));
  section('record', [
    ['computed', `${record.finishedAt} in ${durationText(record.seconds)}`],
    ...(record.aliasOf === undefined ? [] : ([['results of', record.aliasOf]] as [string, string][])),
    ...(log === undefined ? [] : ([['log', log]] as [string, string][])),
    ...Object.entries(record.environment).map(([name, value]): [string, string] => [
      name,
      shorten(typeof value === 'string' ? value : JSON.stringify(value)),
    ]),
  ]);
}

function shorten(text: string): string {
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
