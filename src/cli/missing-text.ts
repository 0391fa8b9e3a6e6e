/** What nodes of a study lack, for people: the cause, the remedy, and which places ask for it. */
import type { PlannedRun } from '../project/planned-run.ts';
import { basename } from 'node:path';
import type { Colors } from 'picocolors/types';
import type { NodeLabel } from '../engine/stage.ts';
import type { MissingInput } from '../project/node-rows.ts';
import { isOfWholeStudy } from '../project/nodes.ts';
import { failureText } from './failure-text.ts';
import { labelText } from './run-text.ts';
import { plural } from './study-text.ts';

/** Of very many, the first are told. */
const SHOWN_CAUSES = 10;
const SHOWN_PLACES = 12;

/** Of a run that goes on with the rest. */
export function missingErrors({ missing }: PlannedRun, colors: Colors): string[] {
  return missingTexts(missing, colors, colors.red(colors.bold('error:')));
}

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
    `  Asked for by ${placesText(places)}. Blocked by it: ${plural(nodes, 'node')}.`,
  ].join('\n');
}

/** Place by place; run by run where a run asks for it at many places, as for a model. */
function placesText(places: readonly NodeLabel[]): string {
  const ofWholeStudy = places.some(isOfWholeStudy);
  const runs = [...new Set(places.map(({ experiment, seed }) => `${experiment} seed ${seed}`))];
  return ofWholeStudy || runs.length === places.length
    ? shortList(places.map(labelText))
    : `${shortList(runs)} (${plural(places.length, 'place')})`;
}

function shortList(items: readonly string[]): string {
  const more = items.length - SHOWN_PLACES;
  return more > 0 ? `${items.slice(0, SHOWN_PLACES).join(', ')} and ${more} more` : items.join(', ');
}
