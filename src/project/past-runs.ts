/** What earlier runs of a study did. */
import { readHistory, type HistoryEntry } from '../cache/run-history.ts';
import { studyFolder } from '../cache/study-state.ts';
import { placeOf } from '../engine/stage.ts';
import { accuracyOf, type Accuracy } from '../estimate/accuracy.ts';
import { locate, type ProjectOptions } from './location.ts';
import { planNodes } from './nodes.ts';
import { openProject } from './project.ts';

/** With how good the estimate was that the run began with; null if it had none. */
export type PastRun = HistoryEntry & { accuracy: Accuracy | null };

/** The newest first. */
export function pastRuns(options: ProjectOptions): PastRun[] {
  return history(options).map((run) => ({ ...run, accuracy: accuracyOf(run) ?? null }));
}

/** Of the runs that computed some of these nodes: what they did to them. The newest first. */
export async function pastRunsOf(options: ProjectOptions, words: readonly string[]): Promise<HistoryEntry[]> {
  const runs = history(options);
  const nodes = await planNodes(await openProject(options), words);
  const places = new Set(nodes.flatMap(({ node }) => node.labels.map(placeOf)));
  return runs
    .map((run) => ({ ...run, nodes: run.nodes.filter(({ place }) => places.has(place)) }))
    .filter((run) => run.nodes.length > 0);
}

function history(options: ProjectOptions): HistoryEntry[] {
  const { path, cache } = locate(options);
  return readHistory(studyFolder(cache, path));
}
