/** How much there is to tokenize: what estimates are made of. Apart, since it loads the tokenizer's package. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FileDigests } from '../base/file-digests.ts';
import type { StageWork } from '../engine/stage.ts';
import type { TokenizeParams } from '../generated/tokenize.ts';
import { tokenizerFiles } from '../model/model-tokenizer.ts';
import { textFiles } from '../model/text-files.ts';

/** Bytes of text, by the tokenizer and by whether they are packed. A part of a text cannot be measured by itself. */
export async function tokenizingWork(
  { model, corpus }: Pick<Required<TokenizeParams>, 'model' | 'corpus'>,
  root: string,
): Promise<StageWork> {
  const paths = corpus === null ? [] : textFiles(corpus, root).map(({ path }) => resolve(root, path));
  const bytes = paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  const isThere = tokenizerFiles(model).filter(({ path }) => existsSync(path));
  const tokenizer = await Promise.all(isThere.map(({ path }) => FileDigests.ofUser().digest(path)));
  const packed = paths.some((path) => path.endsWith('.gz'));
  return { unit: 'bytes', count: Math.max(1, bytes), alike: { tokenizer, packed } };
}
