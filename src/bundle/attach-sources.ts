/**
 * Finds the files of models and texts that a bundle knows by their digests alone: among those that a user names, and
 * among those that swp has seen on this machine. What is found is linked to where the unpacked study looks for it.
 */
import { mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileFailure } from '../base/file-failure.ts';
import { listNames, quoted } from '../base/nearest-name.ts';
import { SwpError } from '../base/failure.ts';
import { FileDigests } from '../base/file-digests.ts';
import { readModelStandIn, readTextStandIn, sourceFileName, SOURCES, type SourceFile } from '../model/stand-in.ts';
import type { CheckResult, Finding } from './finding.ts';
import type { Manifest } from './manifest.ts';

/** A file that the study read. */
export interface Source extends SourceFile {
  /** What it is of: the weights of "./model.gguf". */
  of: string;
  /** Whether the file itself is there, in the bundle or on this machine. */
  isThere: boolean;
}

export interface AttachedSources extends CheckResult {
  /** By digest. */
  sources: Map<string, Source>;
}

/**
 * @param folder of the unpacked bundle
 * @param named paths of models and texts, files or folders, that are to be those of the bundle
 * @throws SwpError of kind `file` if one of them cannot be read
 */
export async function attachSources(
  manifest: Manifest,
  folder: string,
  named: readonly string[],
): Promise<AttachedSources> {
  const findings: Finding[] = [];
  const sources = new Map(describedFiles(manifest, folder, findings).map((source) => [source.sha256, source]));
  const said: string[] = [];
  const digests = FileDigests.ofUser();
  const given = new Set<Source>();
  const others: string[] = [];
  for (const path of named) {
    const found: Source[] = [];
    for (const file of filesAt(resolve(path))) {
      const isLikely = [...sources.values()].some(({ bytes }) => bytes === statSync(file).size);
      const source = isLikely ? sources.get(await digests.digest(file)) : undefined;
      if (source === undefined) {
        others.push(file);
        continue;
      }
      found.push(source);
      given.add(source);
      if (!source.isThere) link(file, folder, source);
    }
    if (found.length > 0)
      said.push(`${path}: ${[...new Set(found.map(({ of }) => of))].join(' and ')}, by the SHA-256`);
    else findings.push({ check: 'study', where: path, message: otherSource([...sources.values()]) });
  }
  // Of a model whose tokenizer alone is that of the study, say, nobody may believe that it was the model.
  for (const file of others)
    for (const source of sources.values())
      if (!given.has(source) && basename(file) === source.name)
        findings.push({
          check: 'study',
          where: file,
          message: `it is not the file that the study read: ${described(source)}`,
        });
  for (const source of sources.values()) {
    if (source.isThere) continue;
    for (const path of digests.placesOf(source.sha256, source.bytes))
      if (!source.isThere && (await digests.digest(path)) === source.sha256) {
        link(path, folder, source);
        said.push(`${source.of}: found on this machine, ${path}`);
      }
  }
  const absent = new Set([...sources.values()].filter(({ isThere }) => !isThere).map(({ of }) => of));
  if (absent.size > 0)
    said.push(
      `not in the bundle: ${[...absent].join(', ')}. Their digests are those of the records; what was computed of them is not computed again`,
    );
  return { findings, said, sources };
}

function otherSource(sources: readonly Source[]): string {
  if (sources.length === 0) return 'the study read no model and no text of its own';
  return `none of its files is one that the study read: ${listNames(sources.map(described), 4)}`;
}

function described({ name, of, sha256, bytes }: Source): string {
  return `${name} of ${of}, ${bytes} bytes, ${sha256}`;
}

/** Every file that a stand-in of the bundle tells of. */
function describedFiles({ files }: Manifest, folder: string, findings: Finding[]): Source[] {
  return Object.keys(files).flatMap((name): Source[] => {
    const kind = new RegExp(`^${SOURCES}/[0-9a-f]{16}\\.(model|text)\\.json$`).exec(name)?.[1];
    if (kind === undefined) return [];
    const of = (what: string, list: readonly SourceFile[]) =>
      list.map((file) => ({ ...file, of: what, isThere: Object.hasOwn(files, sourceFileName(file.sha256)) }));
    try {
      if (kind === 'text') {
        const text = readTextStandIn(join(folder, name));
        return of(`the text ${quoted(text.source)}`, text.files);
      }
      const model = readModelStandIn(join(folder, name));
      return [
        ...of(`the tokenizer of ${quoted(model.source)}`, model.tokenizer),
        ...of(`the weights of ${quoted(model.source)}`, Object.values(model.checkpoints).flat()),
      ];
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      findings.push({ check: 'study', where: name, message: error.failure.message });
      return [];
    }
  });
}

/** A file, and of a model in files what lies beside it; or the files of a folder. */
function filesAt(path: string): string[] {
  try {
    const isFolder = statSync(path).isDirectory();
    const folder = isFolder ? path : dirname(path);
    const beside = readdirSync(folder)
      .filter((name) => isFolder || /^tokenizer.*\.json$/.test(name))
      .map((name) => join(folder, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
    return isFolder ? beside : [path, ...beside];
  } catch (error) {
    throw fileFailure(error, path, 'read', 'Name a model or a text of the study: a file or a folder.');
  }
}

function link(path: string, folder: string, source: Source): void {
  const place = join(folder, sourceFileName(source.sha256));
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(path, place);
  source.isThere = true;
}
