/** The JSON artifacts that a stage gathers over the runs of a study, each with its place. */
import { readFile } from 'node:fs/promises';
import { SwpError } from '../../base/failure.ts';
import type { StageJob } from '../../engine/stage.ts';
import type { Piece } from './study-pieces.ts';

/**
 * Reads the gathered artifacts of one input, a bounded number at a time: a study may have tens of thousands.
 * @returns in the order gathered; those whose node failed or was not run are without content
 * @throws SwpError if one is not JSON
 */
export async function readPieces<Content>(job: StageJob<unknown>, input: string): Promise<Piece<Content>[]> {
  const gathered = job.gathered(input);
  const read: Piece<Content>[] = [];
  for (let start = 0; start < gathered.length; start += 64) {
    job.signal.throwIfAborted();
    const batch = gathered.slice(start, start + 64);
    read.push(
      ...(await Promise.all(
        batch.map(async ({ label, artifact, key, path }) => ({
          label,
          artifact,
          key,
          content: path === undefined ? undefined : await readJson<Content>(path),
        })),
      )),
    );
  }
  return read;
}

async function readJson<Content>(path: string): Promise<Content> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as Content;
  } catch {
    throw new SwpError({
      kind: 'content',
      path,
      message: 'This artifact is not JSON.',
      remedy: 'Delete the file; the next swp repro makes it anew.',
    });
  }
}
