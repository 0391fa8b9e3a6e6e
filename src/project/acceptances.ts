/** Declares old and new code of a stage equivalent, so that what was computed counts on in this study. */
import { SwpError } from '../base/failure.ts';
import { readAcceptances, writeAcceptances, type Acceptance } from '../cache/accepted-code.ts';
import { userName } from '../cache/process-identity.ts';
import { studyFolder } from '../cache/study-state.ts';
import type { Cause } from '../engine/explanation.ts';
import { createExplainer } from './explanations.ts';
import { planNodes } from './nodes.ts';
import type { Project } from './project.ts';

export function acceptedCode({ cache, study }: Project): Acceptance[] {
  return readAcceptances(studyFolder(cache.directory, study.path));
}

/** @returns what was accepted until now */
export async function revokeAcceptances(project: Project): Promise<Acceptance[]> {
  const revoked = acceptedCode(project);
  if (revoked.length > 0) await write(project, []);
  return revoked;
}

/**
 * @param words selectors of the nodes whose code changed
 * @param why kept with the declaration
 * @param causeText says a difference that cannot be accepted
 * @returns what is accepted now and was not before
 * @throws SwpError of kind `usage` if more than code differs, or nothing does
 */
export async function acceptChanges(
  project: Project,
  words: readonly string[],
  why: string,
  causeText: (cause: Cause) => string,
): Promise<Acceptance[]> {
  const explainer = createExplainer(project);
  const changed = (await planNodes(project, words)).filter(
    ({ record, state: now }) => now !== 'cached' && record === undefined,
  );
  const causes = (await Promise.all(changed.map((planned) => explainer.explain(planned))))
    .filter(({ relation }) => relation === 'before')
    .flatMap((explanation) => explanation.causes);
  const other = causes.find((cause) => !isOfCode(cause));
  if (other !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `More than code differs: ${causeText(other)}.`,
      expected: 'nodes whose code alone changed; choose them with a selector',
    });
  const fresh = acceptancesOf(causes, why);
  if (fresh.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: 'Nothing is to be accepted: of these nodes, none was made by other code before.',
      expected: 'nodes that are stale because code changed; `swp explain` names them',
    });
  await write(project, [...acceptedCode(project), ...fresh]);
  return fresh;
}

/** Only code can be accepted: another parameter or another file is another experiment. */
function isOfCode({ path, before, after }: Cause): boolean {
  return /^(code|computes\.[^.[]+)$/.test(path) && typeof before === 'string' && typeof after === 'string';
}

/** One for each stage and part of its code. */
function acceptancesOf(causes: readonly Cause[], why: string): Acceptance[] {
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
      why,
      who: userName(),
      at: new Date().toISOString(),
    });
  }
  return [...fresh.values()];
}

async function write({ cache, study }: Project, accepted: Acceptance[]): Promise<void> {
  try {
    await writeAcceptances(studyFolder(cache.directory, study.path), accepted, cache.scratch);
  } finally {
    await cache.scratch.clear();
  }
}
