/** swp init: begins a study, and says how to go on. */
import { SwpError } from '../../base/failure.ts';
import { createStudy, refreshSchema } from '../../project/new-study.ts';
import type { InitOptions } from '../declarations/init.ts';
import { nextSteps } from '../next-steps.ts';
import { openTerminal } from '../terminal.ts';

/** What each of the commands that follow is for, in their order. */
const PURPOSES = [
  'does the comparison compare what it says?',
  'does everything run? seconds',
  'the study, about a minute on two cores, and its report',
];

export async function init(folder = '.', options: InitOptions): Promise<void> {
  const { colors, line } = openTerminal();
  if (options.schema) {
    if (options.name !== undefined)
      throw new SwpError({
        kind: 'usage',
        message: '--name is for a new study, and --schema for one that is there.',
        expected: 'one of them',
      });
    const schema = await refreshSchema(folder);
    line(options.json ? JSON.stringify({ schema }) : `Written: ${schema}`);
    return;
  }
  const study = createStudy(folder, options.name);
  if (options.json) {
    line(JSON.stringify(study));
    return;
  }
  line(`${colors.bold(study.name)} is in ${study.folder}: ${study.files.toReversed().join(', ')}.`);
  line();
  line('Next:');
  const steps = nextSteps({ folder: study.folder, workingFolder: process.cwd(), env: process.env });
  const width = Math.max(...steps.map((step) => step.length));
  const silent = steps.length - PURPOSES.length;
  for (const [index, step] of steps.entries()) {
    const purpose = PURPOSES[index - silent];
    line(purpose === undefined ? `  ${step}` : `  ${step.padEnd(width)}    ${colors.dim(`# ${purpose}`)}`);
  }
}
