/** swp accept: declares old and new code equivalent, so that what was computed counts on. */
import type { Command } from 'commander';
import type { Acceptance } from '../../cache/accepted-code.ts';
import { SwpError } from '../../base/failure.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal } from '../terminal.ts';

interface AcceptOptions extends ProjectOptions {
  why?: string;
  list?: boolean;
  revoke?: boolean;
}

export function declareAccept(program: Command): Command {
  const command = program
    .command('accept')
    .description('Declare that changed code computes what it did before, so that results count on.')
    .argument('[selectors...]', 'the nodes that changed, e.g. stage=train')
    .option('--why <reason>', 'why it is equivalent: kept with the declaration')
    .option('--list', 'say what was accepted in this study')
    .option('--revoke', 'take back all that was accepted in this study')
    .addHelpText(
      'after',
      `
Examples:
  swp explain stage=train                              the code of stage train changed (5b0c4a1f -> 90ab3c77)
  swp accept stage=train --why "renamed a variable"
  swp accept --list

Keys of this study are then made with the earlier fingerprint. Only code and what a stage computes can be accepted:
another parameter or another file is another experiment. What is computed from now on says in its record
(environment.code) by which code it really was.
${SELECTOR_HELP}`,
    )
    .action(accept);
  return withStudyOptions(command);
}

async function accept(words: string[], options: AcceptOptions): Promise<void> {
  const [
    { userName },
    { openProject, planProject, selectPlanned },
    { readAcceptances, writeAcceptances },
    { RecordCollection },
    { Explainer },
    { studyFolder },
    { causeText },
  ] = await Promise.all([
    import('../../cache/process-identity.ts'),
    import('../../project/project.ts'),
    import('../../cache/accepted-code.ts'),
    import('../../cache/record-history.ts'),
    import('../../engine/explanation.ts'),
    import('../../cache/study-state.ts'),
    import('../cause-text.ts'),
  ]);
  const terminal = openTerminal();
  const project = await openProject(options);
  const { cache, study, dag, state } = project;
  const folder = studyFolder(cache.directory, study.path);
  const accepted = readAcceptances(folder);
  if (options.list || options.revoke) {
    if (options.revoke) await writeAcceptances(folder, [], cache.scratch).finally(() => cache.scratch.clear());
    if (options.json)
      return terminal.line(
        JSON.stringify({ accepted: options.revoke ? [] : accepted, revoked: options.revoke ? accepted : [] }),
      );
    for (const { stage, path, from, to, why, who, at } of accepted)
      terminal.line(
        `${at.slice(0, 10)} ${who}: ${stage} ${path} ${from.slice(0, 8)} counts as ${to.slice(0, 8)}: ${why}`,
      );
    return terminal.line(options.revoke ? `Revoked: ${accepted.length}.` : `${accepted.length} accepted.`);
  }
  if (options.why === undefined || options.why.trim() === '')
    throw new SwpError({
      kind: 'usage',
      message: 'There is no reason given.',
      expected: '--why "...": it is kept, for those who ask later',
    });
  const explainer = new Explainer(
    dag,
    new RecordCollection(cache),
    (place) => state.lastKey(place),
    async (stage) => (await project.stages.load(stage)).packages,
  );
  const changed = selectPlanned(await planProject(project), words).filter(
    ({ record, state: now }) => now !== 'cached' && record === undefined,
  );
  const causes = (await Promise.all(changed.map((planned) => explainer.explain(planned))))
    .filter(({ relation }) => relation === 'before')
    .flatMap((explanation) => explanation.causes);
  const other = causes.find(
    ({ path, before, after }) =>
      !/^(code|computes\.[^.[]+)$/.test(path) || typeof before !== 'string' || typeof after !== 'string',
  );
  if (other !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `More than code differs: ${causeText(other)}.`,
      expected: 'nodes whose code alone changed; choose them with a selector',
    });
  const fresh = new Map<string, Acceptance>();
  for (const { stage, path, before, after } of causes) {
    const identity = JSON.stringify([stage, path, after]);
    const known = fresh.get(identity);
    if (known !== undefined && known.to !== before)
      throw new SwpError({
        kind: 'usage',
        message: `Results of ${stage} were made by several versions of its code (${known.to.slice(0, 8)}, ${String(before).slice(0, 8)}).`,
        expected: 'a selector that means those of one version',
      });
    fresh.set(identity, {
      stage,
      path,
      from: after as string,
      to: before as string,
      why: options.why,
      who: userName(),
      at: new Date().toISOString(),
    });
  }
  if (fresh.size === 0)
    throw new SwpError({
      kind: 'usage',
      message: 'Nothing is to be accepted: of these nodes, none was made by other code before.',
      expected: 'nodes that are stale because code changed; `swp explain` names them',
    });
  try {
    await writeAcceptances(folder, [...accepted, ...fresh.values()], cache.scratch);
  } finally {
    await cache.scratch.clear();
  }
  if (options.json) return terminal.line(JSON.stringify({ accepted: [...fresh.values()] }));
  for (const { stage, path, from, to } of fresh.values())
    terminal.line(`${stage}: ${path} ${from.slice(0, 8)} counts as ${to.slice(0, 8)} in this study.`);
}
