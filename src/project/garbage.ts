/** Evicts what is large and can be computed again, by policy. */
import { isCache } from '../cache/layout.ts';
import { collectGarbage, type Collection } from '../cache/garbage-collection.ts';
import type { Plan } from '../engine/plan.ts';
import { placeOf } from '../engine/stage.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';

export interface GarbagePolicy {
  /** Selectors of nodes of this study: what they made is kept. Words in one entry must all hold. */
  keep?: readonly string[];
  /** What the newest so many records made is kept. */
  keepLast?: number;
  /** What was made in the last so many milliseconds is kept. */
  younger?: number;
  /** The oldest go until the artifacts take no more bytes than this. */
  maxSize?: number;
}

/** @param dryRun say what would be removed, and remove nothing */
export async function evict(
  project: Project,
  { keep = [], keepLast, younger, maxSize }: GarbagePolicy,
  dryRun: boolean,
): Promise<Collection> {
  const planned = await planProject(project);
  const kept = keep.flatMap((words) => selectPlanned(planned, words.split(' ')).map(({ node }) => node.key));
  try {
    return await collectGarbage(
      project.cache,
      {
        keep: new Set(kept),
        irreplaceable: new Set(lastResultsOfBlocked(planned, project)),
        ...(keepLast !== undefined && { keepLast }),
        ...(younger !== undefined && { youngerMs: younger }),
        ...(maxSize !== undefined && { maxBytes: maxSize }),
      },
      dryRun || !isCache(project.cache.directory),
    );
  } finally {
    await project.cache.scratch.clear();
  }
}

/** Keys of what the places of blocked nodes had last: as things are, nothing of it can be computed again. */
function lastResultsOfBlocked({ nodes }: Plan, { state }: Project): string[] {
  return [...nodes.values()]
    .filter((planned) => planned.state === 'blocked')
    .flatMap(({ node }) => node.labels.flatMap((label) => state.lastKey(placeOf(label)) ?? []));
}
