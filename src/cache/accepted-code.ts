/**
 * Code that a person declared equivalent: `studies/SHA/accepted.json`. Where a stage's present fingerprint is in the
 * list, keys are made with the earlier one, so that what was computed counts on. It concerns one study and deletes
 * nothing.
 */
import { dirname, join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { fileFailure } from '../base/file-failure.ts';
import { readNote, writeNote } from './note.ts';
import type { Scratch } from './scratch.ts';

export interface Acceptance {
  stage: string;
  /** `code`, or a part of what the stage computes, such as `computes.runtime`. */
  path: string;
  /** The present value. */
  from: string;
  /** The earlier value, which stays in the keys. */
  to: string;
  why: string;
  who: string;
  /** ISO 8601. */
  at: string;
}

/** @throws SwpError of kind `content` if it is damaged: without it, everything would look changed */
export function readAcceptances(studyFolder: string): Acceptance[] {
  const path = join(studyFolder, 'accepted.json');
  const note = readNote(path);
  if (note.kind === 'none') return [];
  const accepted = 'value' in note ? note.value.accepted : undefined;
  if (Array.isArray(accepted) && accepted.every(isAcceptance)) return accepted;
  throw new SwpError({
    kind: 'content',
    path,
    message: 'The list of accepted code is damaged',
    remedy: 'Delete it, and accept again with `swp accept`.',
  });
}

export async function writeAcceptances(studyFolder: string, accepted: Acceptance[], scratch: Scratch): Promise<void> {
  const path = join(studyFolder, 'accepted.json');
  try {
    const cache = dirname(dirname(studyFolder));
    await writeNote(path, { accepted }, { cache, scratch: await scratch.directory(), indent: 1 });
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

function isAcceptance(value: unknown): value is Acceptance & JsonObject {
  const names = ['stage', 'path', 'from', 'to'] as const;
  return names.every((name) => typeof (value as Partial<Acceptance> | null)?.[name] === 'string');
}

/** @returns what stands in a key for a stage's code and what it computes */
export function applyAcceptances(
  accepted: readonly Acceptance[],
  stage: string,
  work: { code: string; computes: JsonValue },
): { code: string; computes: JsonValue } {
  const relevant = accepted.filter((each) => each.stage === stage);
  if (relevant.length === 0) return work;
  const substitute = (path: string, value: JsonValue): JsonValue =>
    relevant.find((each) => each.path === path && each.from === value)?.to ?? value;
  const { computes } = work;
  return {
    code: substitute('code', work.code) as string,
    computes: isJsonObject(computes)
      ? Object.fromEntries(
          Object.entries(computes).map(([name, value]) => [name, substitute(`computes.${name}`, value)]),
        )
      : computes,
  };
}
