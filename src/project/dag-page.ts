/** The page of a study's DAG: what it shows of each node, and where it is written. */
import { join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import type { PlannedState } from '../engine/plan.ts';
import { dagPage } from '../report/dag-page/page.ts';
import { nodeJson, runsOf } from './nodes.ts';
import { outputFile, type OutputKind } from './output-file.ts';
import type { Project } from './project.ts';
import { reportFolder } from './study-report.ts';

/**
 * @param reasonText a node's reason in words
 * @returns HTML that needs no other file
 */
export function renderDagPage(
  { study }: Project,
  nodes: readonly PlannedState[],
  reasonText: (reason: PlannedState['reason']) => string,
): string {
  return dagPage({
    study: study.name,
    profile: study.profile.name,
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
}

/**
 * Writes the DAG in some format.
 * @param output as of outputFile; `dag.html` beside the profile's report if absent
 * @param kind how files of the format begin
 * @returns absolute path
 * @throws SwpError as of outputFile
 */
export async function writeDag(
  project: Project,
  text: string,
  output: string | undefined,
  kind: Omit<OutputKind, 'name'>,
): Promise<string> {
  const path = outputFile(project, output, { ...kind, name: join(reportFolder(project), 'dag.html') });
  try {
    await replaceFile(path, text.endsWith('\n') ? text : `${text}\n`);
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
  return path;
}
