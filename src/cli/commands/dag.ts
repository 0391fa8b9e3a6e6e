/** swp dag: draws the study's DAG. */
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { makeDirectory } from '../../base/atomic-file.ts';
import { fileFailure } from '../../base/file-failure.ts';
import type { PlannedState } from '../../engine/plan.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import type { Study } from '../../pipeline/study.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface DagOptions extends ProjectOptions {
  show?: boolean;
  format: 'terminal' | 'html' | 'mermaid' | 'dot' | 'json';
  output?: string;
}

export function declareDag(program: Command): Command {
  const command = program
    .command('dag')
    .description("Draw the study's DAG with the state of every node.")
    .argument('[selectors...]', 'only these nodes, e.g. experiment=A1,A2')
    .option('--show', 'draw it in the terminal (what happens anyway without --format)')
    .addOption(
      new Option('--format <format>', 'how to write it')
        .choices(['terminal', 'html', 'mermaid', 'dot', 'json'])
        .default('terminal'),
    )
    .option(
      '-o, --output <file>',
      'where the page of --format html goes; - is standard output (default: report/PROFILE/dag.html)',
    )
    .addHelpText(
      'after',
      `
Examples:
  swp dag --show                                  a row per experiment, a column per step and round
  swp dag --show --profile table                  all fourteen
  swp dag --format html                           one page: pan, zoom, search, fold, click
  swp dag --format mermaid experiment=A1 seed=0   one run, for a page that renders Mermaid
  swp dag --format dot | dot -Tsvg > dag.svg      for Graphviz
  swp dag --json                                  {"nodes":[{key, stage, round, step, runs, state, reason, inputs}]}

Experiments that begin alike share nodes. What they share is drawn once; a row begins where it differs.
${SELECTOR_HELP}`,
    )
    .action(dag);
  return withStudyOptions(command);
}

async function dag(words: string[], options: DagOptions): Promise<void> {
  const { openProject, planProject, selectPlanned, nodeJson } = await import('../../project/project.ts');
  const project = await openProject(options);
  const nodes = selectPlanned(await planProject(project), words);
  const terminal = openTerminal();
  const format = options.json ? 'json' : options.format;
  if (format === 'json') terminal.line(JSON.stringify({ nodes: nodes.map(nodeJson) }));
  else if (format === 'html') await writePage(project, nodes, options.output, terminal);
  else if (format === 'terminal') await draw(project.study, nodes, terminal);
  else {
    const { mermaidText, dotText } = await import('../dag-text.ts');
    terminal.line(format === 'mermaid' ? mermaidText(nodes) : dotText(nodes));
  }
}

async function writePage(
  project: Project,
  nodes: PlannedState[],
  output: string | undefined,
  terminal: Terminal,
): Promise<void> {
  const [{ dagPage }, { runsOf, nodeJson }, { reasonText }, { reportFolder }] = await Promise.all([
    import('../../report/dag-page/page.ts'),
    import('../../project/project.ts'),
    import('../reason-text.ts'),
    import('../../project/study-report.ts'),
  ]);
  const html = dagPage({
    study: project.study.name,
    profile: project.study.profile.name,
    nodes: nodes.map((planned) => {
      const { key, stage, step, round, inputs, state } = nodeJson(planned);
      return {
        key,
        stage,
        step,
        round,
        inputs,
        runs: runsOf(planned.node).map(({ experiment, seed }) => `${experiment}/s${seed}`),
        state: planned.reason.kind === 'failed' ? 'failed' : state,
        reason: reasonText(planned.reason),
        params: planned.node.params,
        metrics: planned.record?.metrics ?? {},
        artifacts: Object.keys(planned.node.stage.outputs),
      };
    }),
  });
  if (output === '-') return terminal.line(html);
  const path = resolve(output ?? join(reportFolder(project), 'dag.html'));
  try {
    makeDirectory(dirname(path));
    await writeFile(path, html);
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
  terminal.line(path);
}

async function draw(study: Study, nodes: PlannedState[], terminal: Terminal): Promise<void> {
  const { drawDag } = await import('../dag-drawing.ts');
  const { countStates, runsOf } = await import('../../project/project.ts');
  const { plural, stateCounts, studyLine } = await import('../study-text.ts');
  const { colors, width } = terminal;
  terminal.line(studyLine(study, colors));
  terminal.line();
  const experiments = study.experiments.map(({ id }) => id);
  for (const line of drawDag({ nodes, experiments, steps: study.steps.map(({ name }) => name), width, colors }))
    terminal.line(line);

  const studyWide = nodes.filter(({ node }) => runsOf(node).length === 0);
  for (const { node, state } of studyWide) {
    const gathered = Object.values(node.gathers).reduce((sum, references) => sum + references.length, 0);
    terminal.line(`Then ${colors.bold(node.stage.name)}, once: it gathers ${plural(gathered, 'artifact')} (${state}).`);
  }
  const places = nodes.reduce((sum, { node }) => sum + node.labels.length, 0);
  const shared = nodes.filter(({ node }) => runsOf(node).length > 1).length;
  terminal.line();
  terminal.line(`${plural(nodes.length, 'node')}: ${stateCounts(countStates(nodes), colors)}.`);
  terminal.line(
    `${plural(shared, 'node')} shared by several runs; without sharing there would be ${places.toLocaleString('en')}.`,
  );
}
