/** What other programs import: `import { openStudy } from 'super-weight-pruning'`. docs/api.md describes it. */
export { SwpError, type Failure } from './base/failure.ts';
export type { StudyResults } from './report/read-results.ts';
export type { SwpEvent } from './engine/event.ts';
export { openStudy } from './project/open-study.ts';
export type { MetricsRow, NodeJson } from './project/node-rows.ts';
export type { NodeRecord, OpenOptions, OpenStudy, RunOptions, RunOutcome, StudyReport } from './project/open-study.ts';
