/** swp submit: sends what is missing to Slurm, and returns. */
import { previewRun } from '../../project/cluster-run.ts';
import { planRun } from '../../project/planned-run.ts';
import { openProject } from '../../project/project.ts';
import type { SubmitOptions } from '../declarations/submit.ts';
import { warningTexts } from '../failure-text.ts';
import { hintAtLint } from '../lint-hint.ts';
import { missingErrors } from '../missing-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { submitSettings } from '../submit-settings.ts';
import { submissionJson, writePreview, writeSent } from '../submission-text.ts';
import { sendFromTerminal } from '../send-run.ts';
import { openTerminal } from '../terminal.ts';

export async function submit(words: string[], options: SubmitOptions): Promise<void> {
  const terminal = openTerminal();
  const project = await openProject(options);
  const settings = submitSettings(project, { ...options, executor: 'slurm' })!;
  const planned = await planRun(project, words, { changesNothing: options.dryRun ?? false });
  hintAtLint(project, terminal);
  for (const text of warningTexts(planned.plan.warnings, terminal.colors)) terminal.errorLines(text);
  for (const text of missingErrors(planned, terminal.colors)) terminal.errorLines(text);
  if (options.dryRun) {
    noteMissingCache(options, terminal);
    const submission = await previewRun(project, planned, settings);
    if (options.json) terminal.line(JSON.stringify(submissionJson(submission)));
    else writePreview(submission, terminal);
    return;
  }
  noteMissingCache(options, terminal, 'Sending makes one.');
  try {
    const { jobs, sent } = await sendFromTerminal(project, planned, settings, terminal);
    const fresh = jobs.filter(({ submission }) => submission === sent);
    if (options.json) terminal.line(JSON.stringify(submissionJson(sent?.submission, fresh)));
    else writeSent(sent, jobs.length - fresh.length, terminal);
  } finally {
    project.cache.leases.close();
    await project.cache.scratch.clear();
  }
}
