/** What docs/study/README.md quotes of the study, from its committed bundles. */
import { costTable, differencesTable, functionTable, lateTable, survivalTable, workTable } from '../findings-tables.ts';
import { committedBundle, studyResults } from '../committed-study.ts';
import type { StudyResults } from '../../../src/report/read-results.ts';
import type { Part } from '../part.ts';

/** The profile of the built-in models' study, and the name of its bundle. */
const STUDY = 'study';

const of =
  (name: string, table: (results: StudyResults) => string): (() => Promise<string>) =>
  async () =>
    table(await studyResults(name));

export const findings: Part = {
  blocks: {
    'findings survival': of(STUDY, survivalTable),
    'findings function': of(STUDY, functionTable),
    'findings emergence': of(STUDY, lateTable),
    'findings cost': of(STUDY, costTable),
    'findings work': async () => workTable([await committedBundle(STUDY)]),
    'findings differences': of(STUDY, differencesTable),
  },
  sentences: [],
};
