/** Changes a sealed file as one would who knows the format: its checksum fits again. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { sealedJson } from '../../src/base/sealed-json.ts';

/** @param change returns the new content, or changes the one it is given */
export async function reseal<Content extends object = Record<string, unknown>>(
  path: string,
  change: (content: Content) => object | void,
): Promise<void> {
  const { checksum: _, ...content } = JSON.parse(await readFile(path, 'utf8')) as Content & { checksum: string };
  const changed = change(content as unknown as Content) ?? content;
  await chmod(path, 0o644);
  await writeFile(path, sealedJson(changed));
}
