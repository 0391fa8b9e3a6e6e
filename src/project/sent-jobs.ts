/** Whether a study has jobs at all: apart from what looks at them, which takes a while to load. */
import { hasSubmissions } from '../cache/study-state.ts';
import type { Project } from './project.ts';

/** Whether it has ever sent any, as far as its cache has them. */
export function hasSentJobs({ cache, study }: Project): boolean {
  return hasSubmissions(cache.directory, study.path);
}
