/** swp dag: draws the study's DAG. */
import { SwpError } from '../../base/failure.ts';
import type { PlannedState } from '../../engine/plan.ts';
import type { Study } from '../../pipeline/study.ts';
import { missingInputs } from '../../project/missing-inputs.ts';
import { renderDagPage, writeDagPage } from '../../project/dag-page.ts';
import { countStates, nodeJson, planNodes, runsOf } from '../../project/nodes.ts';
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
  if (options.output !== undefined && (options.json || options.format !== 'html'))
    throw new SwpError({
      kind: 'usage',
      message: '--output is for the page of --format html; everything else goes to standard output.',
      expected: '--format html, or no --output',
    });
  const project = await openProject(options);
  const nodes = await planNodes(project, words);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  switch (options.json ? 'json' : options.format) {
    case 'json':
      return terminal.line(JSON.stringify({ nodes: nodes.map(nodeJson) }));
    case 'html':
      return writePage(project, nodes, options.output, terminal);
    case 'mermaid':
      return terminal.lines(mermaidText(nodes));
    case 'dot':
      return terminal.lines(dotText(nodes));
    case 'terminal':
      return draw(project.study, nodes, terminal);
  }
}

async function writePage(
  project: Project,
  nodes: PlannedState[],
  output: string | undefined,
  terminal: Terminal,
): Promise<void> {
  const html = renderDagPage(project, nodes, reasonText);
  if (output === '-') terminal.lines(html);
  else terminal.line(await writeDagPage(project, html, output));
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
