/** The page of a study's DAG: what it shows of each node, and where it is written. */
import { dirname, join, resolve } from 'node:path';
import { makeDirectory, replaceFile } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import type { PlannedState } from '../engine/plan.ts';
import { dagPage } from '../report/dag-page/page.ts';
import { nodeJson, runsOf } from './nodes.ts';
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
 * @param output path of the file; `dag.html` beside the profile's report if absent
 * @returns absolute path of the page
 * @throws SwpError of kind `file`
 */
export async function writeDagPage(project: Project, html: string, output: string | undefined): Promise<string> {
  const path = resolve(output ?? join(reportFolder(project), 'dag.html'));
  try {
    makeDirectory(dirname(path));
    await replaceFile(path, html);
  } catch (error) {
    throw fileFailure(error, path, 'write', 'Choose another place with --output FILE.');
  }
  return path;
}
