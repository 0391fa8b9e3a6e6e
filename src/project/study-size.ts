/**
 * How large a study is. Apart from project.ts, since finding nothing to do says it too and loads as little as it can.
 */
import type { Study } from '../pipeline/study.ts';

/** How large a study is, as several commands head their output with it. */
export interface StudySize {
  name: string;
  profile: string;
  scaleSteps: number;
  experiments: number;
  runs: number;
}

export function sizeOf({ name, profile, experiments }: Study): StudySize {
  return {
    name,
    profile: profile.name,
    scaleSteps: profile.scaleSteps,
    experiments: experiments.length,
    runs: experiments.reduce((sum, { seeds }) => sum + seeds.length, 0),
  };
}
