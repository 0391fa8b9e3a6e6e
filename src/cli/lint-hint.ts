/** Says that swp lint finds errors. A run goes on: every result is right, but the report compares unlike arms. */
import { lint } from '../project/lint.ts';
import type { Project } from '../project/project.ts';
import type { Terminal } from './terminal.ts';

export function hintAtLint({ study }: Project, terminal: Terminal): void {
  const { openErrors: errors } = lint(study);
  if (errors > 0)
    terminal.errorLine(
      `${terminal.colors.yellow('note:')} swp lint finds ${errors} error${errors > 1 ? 's' : ''} in the declared comparisons of profile ${study.profile.name}; \`swp lint --profile ${study.profile.name}\` shows what.`,
    );
}
