/** Runs tokenize: reads the text document by document, and writes the ids of each part. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { SwpError } from '../../src/base/failure.ts';
import { writeJsonArtifact } from '../../src/base/json-artifact.ts';
import type { Metrics, StageJob } from '../../src/engine/stage.ts';
import type { Corpus } from '../../src/generated/corpus.ts';
import type { TokenizeParams } from '../../src/generated/tokenize.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { readTokenizer, type ModelTokenizer } from '../../src/model/model-tokenizer.ts';
import { readDocuments, TEXT_REMEDY, textFiles } from '../../src/model/text-files.ts';
import { divideText, PARTS, type Part } from '../../src/model/text-parts.ts';
import { tokenIds, writeTokenFile, type TokenIds } from '../../src/model/token-file.ts';

export default async function tokenize(job: StageJob<Required<TokenizeParams>>): Promise<Metrics> {
  const { params, output } = job;
  const tokenizer = await readTokenizer(params.model);
  const { vocabulary } = tokenizer;
  const config = await readModelConfig(params.model);
  if (vocabulary > config.vocabulary)
    throw new SwpError({
      kind: 'content',
      path: tokenizer.path,
      message: `It has ${vocabulary} tokens, and the model's vocabulary is ${config.vocabulary}`,
      remedy: 'Use the tokenizer that the model was trained with.',
    });
  const start = tokenizer.startToken(params.start);
  const { documents, repeated, bytes } = await readAll(job, tokenizer, start.id);
  const { calibration, candidates, causal, evaluation } = params;
  const { by, order, parts } = divideText(
    documents.map(({ length }) => length),
    {
      by: params.divide === 'auto' ? undefined : params.divide,
      shares: { calibration, candidates, causal, evaluation },
      seed: params.seed,
    },
  );
  const joined = tokenIds(vocabulary, parts.at(-1)!.end);
  let end = 0;
  for (const index of order) {
    joined.set(documents[index]!, end);
    end += documents[index]!.length;
  }
  const idsOf = ({ first, end }: { first: number; end: number }) => joined.subarray(first, end);
  const ids = Object.fromEntries(parts.map((range) => [range.part, idsOf(range)])) as Record<Part, TokenIds>;
  const digests = await writeTokenFile(output('tokens'), { vocabulary, start: start.id }, ids);
  const corpus: Corpus = {
    ...{ vocabulary, start, documents: documents.length, repeated, bytes, tokens: joined.length, by },
    parts: parts.map((range) => ({ ...range, sha256: digests[range.part] })),
  };
  await writeJsonArtifact(output('corpus'), corpus);
  return {
    ...{ documents: documents.length, repeated, tokens: joined.length, start: start.content },
    ...Object.fromEntries(PARTS.map((part) => [part, ids[part].length])),
    ...Object.fromEntries(PARTS.map((part) => [`${part}Sha256`, digests[part]])),
  };
}

interface ReadText {
  /** The ids of each document; of several, each ends with the token that starts sequences. */
  documents: TokenIds[];
  repeated: number;
  bytes: number;
}

async function readAll(
  { params, root, progress, signal }: StageJob<Required<TokenizeParams>>,
  tokenizer: ModelTokenizer,
  start: number,
): Promise<ReadText> {
  const files = textFiles(params.corpus!, root).map(({ path }) => resolve(root, path));
  const total = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const documents: TokenIds[] = [];
  const seen = new Set<string>();
  let [repeated, before] = [0, 0];
  let left = params.limit ?? Infinity;
  for (const path of files) {
    if (left === 0) break;
    let ids: number[] = [];
    for await (const { text, last, bytes } of readDocuments(path, params.corpus!.field, tokenizer.cut)) {
      signal.throwIfAborted();
      const piece = tokenizer.encode(text).slice(0, left);
      for (const id of piece) ids.push(id);
      left -= piece.length;
      progress({ done: before + bytes, total, unit: 'bytes' });
      if (!last && left > 0) continue;
      const document = tokenIds(tokenizer.vocabulary, ids.length + 1);
      document.set(ids);
      document[ids.length] = start;
      const digest = createHash('sha256').update(document).digest('base64');
      if (seen.has(digest)) repeated++;
      else if (ids.length > 0) documents.push(document);
      seen.add(digest);
      ids = [];
      if (left === 0) break;
    }
    before += statSync(path).size;
  }
  if (documents.length === 0)
    throw new SwpError({
      kind: 'content',
      path: resolve(root, params.corpus!.text),
      message: 'There is no text in it',
      remedy: TEXT_REMEDY,
    });
  const ids = documents.length === 1 ? [documents[0]!.subarray(0, -1)] : documents;
  return { documents: ids, repeated, bytes: total };
}
