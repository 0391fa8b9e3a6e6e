/** What docs/study/README.md quotes of the study, from its committed bundles. */
import { costTable, differencesTable, functionTable, lateTable, survivalTable, workTable } from '../findings-tables.ts';
import { committedBundle, studyResults } from '../committed-study.ts';
import type { StudyResults } from '../../../src/report/read-results.ts';
import { QUESTIONS } from '../../../src/report/registry.ts';
import { wrapped } from '../pages.ts';
import type { Part } from '../part.ts';

/** The profile of the built-in models' study, and the name of its bundle. */
const STUDY = 'study';

const of =
  (name: string, table: (results: StudyResults) => string): (() => Promise<string>) =>
  async () =>
    table(await studyResults(name));

/** What the report's page about a question opens with. */
const answers = QUESTIONS.map(
  (page) =>
    [
      `findings answer ${page.id}`,
      of(STUDY, (results) => wrapped(`${page.answer(results)}${page.context?.(results) ?? ''}`)),
    ] as const,
);

export const findings: Part = {
  blocks: {
    ...Object.fromEntries(answers),
    'findings survival': of(STUDY, survivalTable),
    'findings function': of(STUDY, functionTable),
    'findings emergence': of(STUDY, lateTable),
    'findings cost': of(STUDY, costTable),
    'findings work': async () => workTable([await committedBundle(STUDY)]),
    'findings differences': of(STUDY, differencesTable),
  },
  sentences: [],
};
