/** swp bundle: one archive from which another machine verifies every number of the report. */
import { writeBundle } from '../../project/bundles.ts';
import { requireCache } from '../../project/missing-cache.ts';
import type { BundleOptions } from '../declarations/bundle.ts';
import { quantityText } from '../quantity-text.ts';
import { plural } from '../study-text.ts';
import { openTerminal } from '../terminal.ts';

export async function bundle(options: BundleOptions): Promise<void> {
  const terminal = openTerminal();
  requireCache(options);
  const { file, id, bytes, files, records, artifacts, weights, missing } = await writeBundle(options);
  if (options.json) return terminal.line(JSON.stringify({ file, id, bytes, files, records, missing }));
  terminal.line(
    `Written: ${terminal.colors.bold(file)} (${quantityText(bytes, 'B')}): ${plural(records, 'record')}, ${plural(artifacts, 'artifact')}${weights ? ' with weights' : ', without weights'}.`,
  );
  if (missing.length > 0)
    terminal.errorLine(
      `${plural(missing.length, 'place')} of the study ${missing.length === 1 ? 'has' : 'have'} no result: the bundle says so.`,
    );
  terminal.line(`Id: ${id}`);
  terminal.line(`Anyone with swp can verify it: swp bundle verify ${file.split('/').at(-1)} --id ${id.slice(0, 16)}`);
}
