/** swp dag: draws the study's DAG. */
import { SwpError } from '../../base/failure.ts';
import type { PlannedState } from '../../engine/plan.ts';
import type { Study } from '../../pipeline/study.ts';
import { missingInputs } from '../../project/missing-inputs.ts';
import { renderDagPage, writeDag } from '../../project/dag-page.ts';
import { countStates, nodeJson, planNodes, runsOf } from '../../project/nodes.ts';
import { STANDARD_OUTPUT } from '../../project/output-file.ts';
import { openProject, type Project } from '../../project/project.ts';
import { sizeOf } from '../../project/study-size.ts';
import { drawDag } from '../dag-drawing.ts';
import { dotText, mermaidText } from '../dag-text.ts';
import type { DagOptions } from '../declarations/dag.ts';
import { missingTexts } from '../missing-text.ts';
import { reasonText } from '../reason-text.ts';
import { plural, stateCounts, studyLine } from '../study-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function dag(words: string[], options: DagOptions): Promise<void> {
  const format = options.json ? 'json' : options.format;
  if (options.output !== undefined && format === 'terminal')
    throw new SwpError({
      kind: 'usage',
      message: '--output is for what --format writes; the drawing goes to the terminal.',
      expected: '--format html, mermaid, dot or json, or no --output',
    });
  const project = await openProject(options);
  const nodes = await planNodes(project, words);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (format === 'terminal') return draw(project.study, nodes, terminal);
  const { text, ...kind } = written(format, project, nodes);
  if (options.output === STANDARD_OUTPUT || (options.output === undefined && format !== 'html'))
    return terminal.content(text.endsWith('\n') ? text : `${text}\n`);
  terminal.line(await writeDag(project, text, options.output, kind));
}

/** The DAG as text, and how every text of the format begins. */
function written(
  format: Exclude<DagOptions['format'], 'terminal'>,
  project: Project,
  nodes: PlannedState[],
): { text: string; what: string; begins: string } {
  switch (format) {
    case 'json':
      return { text: JSON.stringify({ nodes: nodes.map(nodeJson) }), what: 'JSON of a DAG', begins: '{"nodes"' };
    case 'html':
      return { text: renderDagPage(project, nodes, reasonText), what: 'web page', begins: '<!doctype html>' };
    case 'mermaid':
      return { text: mermaidText(nodes), what: 'drawing of Mermaid', begins: 'flowchart' };
    case 'dot':
      return { text: dotText(nodes), what: 'drawing of Graphviz', begins: 'digraph' };
  }
}

function draw(study: Study, nodes: PlannedState[], terminal: Terminal): void {
  const { colors, width } = terminal;
  terminal.line(studyLine(sizeOf(study), colors));
  terminal.line();
  const experiments = study.experiments.map(({ id }) => id);
  for (const line of drawDag({ nodes, experiments, steps: study.steps.map(({ name }) => name), width, colors }))
    terminal.line(line);

  const studyWide = nodes.filter(({ node }) => runsOf(node).length === 0);
  for (const { node, state } of studyWide) {
    const gathered = Object.values(node.gathers).reduce((sum, references) => sum + references.length, 0);
    terminal.line(`Then ${colors.bold(node.stage.name)}, once: it gathers ${plural(gathered, 'artifact')} (${state}).`);
  }
  const missing = missingInputs(nodes.map(({ node }) => node));
  for (const text of missingTexts(missing, colors, colors.red('blocked:'))) terminal.lines(text);
  const places = nodes.reduce((sum, { node }) => sum + node.labels.length, 0);
  const shared = nodes.filter(({ node }) => runsOf(node).length > 1).length;
  terminal.line();
  terminal.line(`${plural(nodes.length, 'node')}: ${stateCounts(countStates(nodes), colors)}.`);
  terminal.line(
    `${plural(shared, 'node')} shared by several runs; without sharing there would be ${places.toLocaleString('en')}.`,
  );
}
