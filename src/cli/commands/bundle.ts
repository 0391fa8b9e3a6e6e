/** swp bundle: one archive from which another machine verifies every number of the report. */
import { basename } from 'node:path';
import { writeBundle } from '../../project/bundles.ts';
import { requireCache } from '../../project/missing-cache.ts';
import { checkStandardOutput, STANDARD_OUTPUT } from '../../project/output-file.ts';
import type { BundleOptions } from '../declarations/bundle.ts';
import { quantityText } from '../../base/quantity-text.ts';
import { plural } from '../study-text.ts';
import { openTerminal } from '../terminal.ts';

export async function bundle(options: BundleOptions): Promise<void> {
  const terminal = openTerminal();
  checkStandardOutput(options, process.stdout.isTTY);
  requireCache(options);
  const written = await writeBundle(options, process.stdout);
  const { file, id, bytes, files, records, artifacts, weights, masks, missing, ungathered } = written;
  if (options.json)
    return terminal.line(JSON.stringify({ file, id, bytes, files, records, masks, missing, ungathered }));
  const isPiped = options.output === STANDARD_OUTPUT;
  const say = isPiped ? terminal.errorLine : terminal.line;
  say(
    `Written: ${terminal.colors.bold(isPiped ? 'to standard output' : file)} (${quantityText(bytes, 'B')}): ${plural(records, 'record')}, ${plural(artifacts, 'artifact')}${weights ? ' with weights' : `, without weights${masks ? '' : ' and masks'}`}.`,
  );
  if (missing.length > 0)
    terminal.errorLine(
      `${plural(missing.length, 'place')} of the study ${missing.length === 1 ? 'has' : 'have'} no result: the bundle says so.`,
    );
  if (ungathered.length > 0)
    terminal.errorLine(
      `${plural(ungathered.length, 'result')} came after the report was made, which does not have ${ungathered.length === 1 ? 'it' : 'them'}: \`swp repro\` gathers anew.`,
    );
  say(`Id: ${id}`);
  say(`Anyone with swp can verify it: swp bundle verify ${basename(file)} --id ${id.slice(0, 16)}`);
}
