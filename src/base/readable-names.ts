/** What is in a folder, for whoever can do without. */
import { readdirSync } from 'node:fs';

/** Names in a folder, sorted; none where there is no such folder, or one that may not be read. */
export function readableNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
