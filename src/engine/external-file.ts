/**
 * External files: what a node reads that no stage made, itself or since its inputs are made of them. They are hashed
 * when the key is made, and compared before and after the node runs.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { digestFile } from '../base/digest.ts';
import { fileFailure, linkText, refuseOddFile } from '../base/file-failure.ts';
import { changeSince, stampIfThere, stampOf, TOUCHED } from '../base/file-stamp.ts';
import { SwpError } from '../base/failure.ts';
import { FileDigests } from '../base/file-digests.ts';
import type { ExternalFile, PlannedNode } from './node.ts';
import type { DeclaredFile } from './stage.ts';
import type { StageLoader } from './stage-loader.ts';

/** The stamp of a file that is not there. */
const NOT_THERE = 'none';

/**
 * Hashes a file; one that changes meanwhile is hashed again, so that digest and stamp belong together.
 * @param root what a relative path is relative to
 * @throws SwpError of kind `file`
 */
export async function readExternalFile(
  { name, path: declared, remedy, inKey, sha256: expected }: DeclaredFile,
  root: string,
): Promise<ExternalFile> {
  const path = resolve(root, declared);
  const told = () => (typeof remedy === 'function' ? remedy() : remedy);
  if (expected !== undefined && !existsSync(path))
    return { name, path, sha256: expected, stamp: NOT_THERE, absent: told() ?? 'Put it there.' };
  try {
    const found = stampOf(path); // first: it says what is wrong where nothing is there
    refuseOddFile(path);
    if (inKey === false) return { name, path, stamp: found };
    const { sha256, stamp } = await FileDigests.ofUser().digestAtRest(path);
    if (expected !== undefined && sha256 !== expected) throw otherContent(path, sha256);
    return { name, path, sha256, stamp };
  } catch (error) {
    if (remedy === undefined || !(error instanceof SwpError) || error.failure.kind !== 'file') throw error;
    throw fileFailure(error.cause, path, 'read', told());
  }
}

function otherContent(path: string, sha256: string): SwpError {
  return new SwpError({
    kind: 'content',
    path,
    message: `It is another file: its SHA-256 is ${sha256}, and its name says what it must be`,
    remedy: 'Remove it.',
  });
}

/** A file that a running node reads, in the state in which it is what the node's key and inputs say. */
export interface FileState {
  path: string;
  stamp: string;
  /** Absent where no digest of it is known. */
  sha256?: string;
}

/**
 * To be called before a node runs: what it reads that no stage made, as it is then. A file that was changed and has its
 * content again, or was only touched, is not changed.
 * @param sources files that its inputs are made of
 * @returns to be handed to `refuseChanges` after it ran
 * @throws SwpError of kind `file-changed` or `file`
 */
export async function filesAtStart(
  { files, stage }: Pick<PlannedNode, 'files' | 'stage'>,
  sources: readonly { path: string; sha256: string }[],
): Promise<FileState[]> {
  for (const { path, absent } of files)
    if (absent !== undefined)
      throw new SwpError({ kind: 'file', path, operation: 'read', code: 'ENOENT', remedy: linkText(path) + absent });
  const states: FileState[] = [];
  for (const file of [...files, ...sources]) {
    const { path, sha256 } = file;
    if ('stamp' in file && stampIfThere(path) === file.stamp) states.push({ path, sha256, stamp: file.stamp });
    else states.push(await stateWith(path, sha256, 'stamp' in file ? file.stamp : undefined, stage.name));
  }
  return states;
}

async function stateWith(
  path: string,
  expected: string | undefined,
  before: string | undefined,
  stage: string,
): Promise<FileState> {
  const change = before === undefined ? undefined : changeSince(before, path);
  const now = stampIfThere(path) === NOT_THERE ? undefined : await FileDigests.ofUser().digestAtRest(path);
  if (now !== undefined && now.sha256 === expected) return { path, ...now };
  throw new SwpError({
    kind: 'file-changed',
    path,
    stage,
    change: change ?? (now === undefined ? 'is gone' : 'has other bytes'),
  });
}

/**
 * To be called after a node ran, so that no record claims an input, or code, that it did not have. A file that was
 * written to meanwhile may have been read half-way, whatever it holds now.
 * @param states as `filesAtStart` gave them
 * @throws SwpError of kind `file-changed`
 */
export async function refuseChanges(states: readonly FileState[], stage: string, stages: StageLoader): Promise<void> {
  for (const { path, stamp, sha256 } of states) {
    const change = changeSince(stamp, path);
    if (change === undefined) continue;
    if (change === TOUCHED && sha256 !== undefined && (await digestFile(path)).sha256 === sha256) continue;
    throw new SwpError({ kind: 'file-changed', path, stage, change });
  }
  await refuseChangedCode(stage, stages);
}

/** @throws SwpError of kind `file-changed` for a program whose code is not what is in the key */
export async function refuseChangedCode(name: string, stages: StageLoader): Promise<void> {
  const stage = await stages.load(name);
  if (stage.isUnchanged?.() === false)
    throw new SwpError({ kind: 'file-changed', path: `The code of ${stage.module}`, stage: name });
}
