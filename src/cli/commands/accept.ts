/** swp accept: declares old and new code equivalent, so that what was computed counts on. */
import { SwpError } from '../../base/failure.ts';
import { acceptChanges, acceptedCode, revokeAcceptances } from '../../project/acceptances.ts';
import { openProject, type Project } from '../../project/project.ts';
import { causeText } from '../cause-text.ts';
import type { AcceptOptions } from '../declarations/accept.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function accept(words: string[], options: AcceptOptions): Promise<void> {
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  const project = await openProject(options);
  if (options.list || options.revoke) return listOrRevoke(project, options, terminal);
  if (options.why === undefined || options.why.trim() === '')
    throw new SwpError({
      kind: 'usage',
      message: 'There is no reason given.',
      expected: '--why "...": it is kept, for those who ask later',
    });
  const accepted = await acceptChanges(project, words, options.why, causeText);
  if (options.json) return terminal.line(JSON.stringify({ accepted }));
  for (const { stage, path, from, to } of accepted)
    terminal.line(`${stage}: ${path} ${from.slice(0, 8)} counts as ${to.slice(0, 8)} in this study.`);
}

async function listOrRevoke(project: Project, { revoke, json }: AcceptOptions, terminal: Terminal): Promise<void> {
  const accepted = revoke ? await revokeAcceptances(project) : acceptedCode(project);
  if (json) return terminal.line(JSON.stringify({ accepted: revoke ? [] : accepted, revoked: revoke ? accepted : [] }));
  for (const { stage, path, from, to, why, who, at } of accepted)
    terminal.line(
      `${at.slice(0, 10)} ${who}: ${stage} ${path} ${from.slice(0, 8)} counts as ${to.slice(0, 8)}: ${why}`,
    );
  terminal.line(revoke ? `Revoked: ${accepted.length}.` : `${accepted.length} accepted.`);
}
