/**
 * Notes: the small JSON files that a cache holds besides records, such as ledgers and the history of a study. Each is
 * sealed with a checksum. A damaged one counts as none, and costs what its loss would cost.
 */
import { SwpError } from '../base/failure.ts';
import { writeAtomically } from '../base/atomic-file.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.ts';
import { readStoredText } from './stored-text.ts';
import { openSealedJson, sealedJson } from '../base/sealed-json.ts';
import { makeWay } from './damaged.ts';

/** Of every note that is written now. */
export const NOTE_VERSION = 2;
/** Of swp 0.1.0, which wrote no checksum; the smallest notes had no version either, only the key that they name. */
const UNSEALED_VERSION = 1;

export type FoundNote =
  | { kind: 'none' }
  | { kind: 'whole'; value: JsonObject }
  /** As swp 0.1.0 wrote it: without a checksum. Whoever believes it checks what it says. */
  | { kind: 'earlier'; value: JsonObject }
  | { kind: 'damaged'; message: string };

/** @throws SwpError of kind `file` if the folder or the disk is at fault */
export function readNote(path: string): FoundNote {
  let text;
  try {
    text = readStoredText(path, '');
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    return { kind: 'damaged', message: error.failure.message };
  }
  if (text === undefined) return { kind: 'none' };
  const opened = openSealedJson(text);
  if (opened.kind === 'damaged') return opened;
  if (isJsonObject(opened.value)) {
    const { checksum: _, ...value } = opened.value;
    if (opened.kind === 'whole' && value.version === NOTE_VERSION) return { kind: 'whole', value };
    if (opened.kind === 'unsealed' && isEarlier(value)) return { kind: 'earlier', value };
  }
  return { kind: 'damaged', message: 'It is no note that swp writes, or its checksum is gone' };
}

function isEarlier({ version, key }: JsonObject): boolean {
  return version === UNSEALED_VERSION || (version === undefined && typeof key === 'string');
}

export interface NoteOptions {
  /** The cache's directory: what stands in the note's way goes to its `damaged/`. */
  cache: string;
  /** A directory on the same file system. */
  scratch: string;
  /** As of `writeAtomically`. */
  durable?: boolean;
  /** Spaces per level, for notes that people read. */
  indent?: number;
}

/** Writes a note, sealed; whole or not at all. */
export async function writeNote(
  path: string,
  content: object,
  { cache, scratch, durable = true, indent }: NoteOptions,
): Promise<void> {
  const text = sealedJson({ version: NOTE_VERSION, ...content }, indent);
  const write = () => writeAtomically(path, text, scratch, { durable });
  await write().catch((error: unknown) => {
    if (!makeWay(cache, path, error)) throw error;
    return write();
  });
}

/** The key that a note names, such as that of the record which has a content. */
export function keyOf(note: FoundNote): string | undefined {
  const key: JsonValue | undefined = note.kind === 'whole' ? note.value.key : undefined;
  return typeof key === 'string' && /^[0-9a-f]{64}$/.test(key) ? key : undefined;
}
