/** What nodes of a study lack, for people: the cause, the remedy, and which places ask for it. */
import { basename } from 'node:path';
import type { Colors } from 'picocolors/types';
import type { MissingInput } from '../project/node-rows.ts';
import { failureText } from './failure-text.ts';
import { labelText } from './run-text.ts';
import { plural } from './study-text.ts';

/** Of very many, the first are told. */
const SHOWN_CAUSES = 10;
const SHOWN_PLACES = 12;

/** @param word before each message, such as `error:` */
export function missingTexts(missing: readonly MissingInput[], colors: Colors, word: string): string[] {
  const texts = missing.slice(0, SHOWN_CAUSES).map((each) => missingText(each, colors, word));
  const more = missing.length - SHOWN_CAUSES;
  return more > 0 ? [...texts, `... and ${plural(more, 'more cause')}.`] : texts;
}

function missingText({ failure, alsoMissing, places, nodes }: MissingInput, colors: Colors, word: string): string {
  const also =
    failure.kind === 'file' && alsoMissing.length > 0
      ? [`  The same of ${shortList(alsoMissing)}, beside ${basename(failure.path)}.`]
      : [];
  return [
    failureText(failure, colors, word),
    ...also,
    `  Asked for by ${shortList(places.map(labelText))}. Blocked by it: ${plural(nodes, 'node')}.`,
  ].join('\n');
}

function shortList(items: readonly string[]): string {
  const more = items.length - SHOWN_PLACES;
  return more > 0 ? `${items.slice(0, SHOWN_PLACES).join(', ')} and ${more} more` : items.join(', ');
}
