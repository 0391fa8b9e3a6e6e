/** JSON artifacts: written canonically (RFC 8785 and a newline), so that equal results are equal bytes. */
import { readFile, writeFile } from 'node:fs/promises';
import canonicalize from 'canonicalize';
import { SwpError } from './failure.ts';

/** @throws Error if a number is not finite: JSON cannot hold it, and a result that has one is wrong */
export async function writeJsonArtifact(path: string, value: object): Promise<void> {
  await writeFile(path, `${canonicalize(value)}\n`);
}

/** @throws SwpError if the file cannot be read or is no JSON */
export async function readJsonArtifact<Content>(path: string): Promise<Content> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new SwpError({
      kind: 'file',
      path,
      operation: 'read',
      code: error.code ?? 'unknown',
      remedy: 'Check that the file exists and may be read.',
    });
  });
  try {
    return JSON.parse(text) as Content;
  } catch (error) {
    throw new SwpError({
      kind: 'content',
      path,
      message: (error as Error).message,
      remedy: 'The artifact is damaged; invalidate the node that made it and run again.',
    });
  }
}
