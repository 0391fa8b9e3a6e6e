/**
 * External files: what a node reads that no stage made. They are hashed when the key is made, and compared before and
 * after the node runs.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { digestFile } from '../base/digest.ts';
import { fileFailure, refuseOddFile } from '../base/file-failure.ts';
import { stampOf } from '../base/file-stamp.ts';
import { SwpError } from '../base/failure.ts';
import { FileDigests } from '../cache/file-digests.ts';
import type { ExternalFile, PlannedNode } from './node.ts';
import type { DeclaredFile } from './stage.ts';
import type { StageLoader } from './stage-loader.ts';

/** A file that changes more often while it is read is not at rest. */
const TRIES = 5;
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
    for (let tries = 0; tries < TRIES; tries++) {
      const stamp = stampOf(path);
      refuseOddFile(path);
      if (inKey === false) return { name, path, stamp };
      const sha256 = await FileDigests.ofUser().digest(path);
      if (expected !== undefined && sha256 !== expected) throw otherContent(path, sha256);
      if (stampOf(path) === stamp) return { name, path, sha256, stamp };
    }
    throw new SwpError({
      kind: 'content',
      path,
      message: 'It keeps changing while it is read',
      remedy: 'Run again once it is at rest.',
    });
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

/**
 * Whether a file still has the content that it had: by stat, and by content where stat differs and the content is
 * known. A file that has gone counts as changed.
 */
async function isUnchanged(file: ExternalFile): Promise<boolean> {
  try {
    if (stampOf(file.path) === file.stamp) return true;
    return file.sha256 !== undefined && (await digestFile(file.path)).sha256 === file.sha256;
  } catch {
    return false;
  }
}

/**
 * To be called before and after a node runs, so that no record claims an input, or code, that it did not have.
 * @throws SwpError of kind `file-changed`
 */
export async function refuseChangedFiles(
  { files, stage: { name } }: Pick<PlannedNode, 'files' | 'stage'>,
  stages: StageLoader,
): Promise<void> {
  for (const file of files)
    if (file.absent !== undefined)
      throw new SwpError({ kind: 'file', path: file.path, operation: 'read', code: 'ENOENT', remedy: file.absent });
    else if (!(await isUnchanged(file))) throw new SwpError({ kind: 'file-changed', path: file.path, stage: name });
  const stage = await stages.load(name);
  if (stage.isUnchanged?.() === false)
    throw new SwpError({ kind: 'file-changed', path: `The code of ${stage.module}`, stage: name });
}
