/** swp bundle verify: checks that a bundle is consistent; with --recompute, runs its study and compares. */
import { SwpError } from '../../base/failure.ts';
import { packageVersion } from '../../base/package-root.ts';
import { verifyBundleFile, type BundleVerification } from '../../project/bundles.ts';
import type { RunState } from '../../project/run-state.ts';
import type { BundleVerifyOptions } from '../declarations/bundle.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { openPlainView } from '../plain-view.ts';
import type { RunView } from '../run-view.ts';
import { summaryLines } from '../summary-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function verifyBundle(file: string, words: string[], options: BundleVerifyOptions): Promise<void> {
  const terminal = openTerminal();
  refuseContradictions(words, options);
  const { id, model, text, maxSize, recompute, cache, jobs, tolerance, json = false } = options;
  const verification = await verifyBundleFile(file, {
    version: packageVersion(),
    maxSize,
    sources: [...model, ...text],
    ...(id !== undefined && { id }),
    ...(recompute && {
      recompute: {
        words,
        jobs,
        tolerance,
        openView: (state) => openView(state, json, terminal),
        ...(cache !== undefined && { cache }),
      },
    }),
  });
  const { verified, recomputed, ok } = verification;
  if (json)
    terminal.line(
      JSON.stringify({
        id: verified.id,
        ok,
        study: verified.manifest.study,
        findings: verified.findings,
        checked: verified.said,
        unchecked: verified.unchecked,
        masks: verified.masks,
        ...(recomputed && { recomputed }),
      }),
    );
  else writeVerdict(verification, terminal);
  if (!ok) process.exitCode = EXIT_CODE.nodesFailed;
}

function refuseContradictions(words: string[], { recompute, id }: BundleVerifyOptions): void {
  if (words.length > 0 && !recompute)
    throw new SwpError({
      kind: 'usage',
      message: `"${words[0]}" selects nodes to compute again.`,
      expected: '--recompute with it, or no selector',
    });
  if (id !== undefined && !/^[0-9a-f]{8,64}$/i.test(id))
    throw new SwpError({
      kind: 'usage',
      message: `"${id}" is no id of a bundle.`,
      expected: 'at least the first 8 of its hexadecimal digits',
    });
}

/** Writes to standard error: standard output is for the verdict. */
function openView(state: RunState, json: boolean, terminal: Terminal): Pick<RunView, 'emit' | 'close'> {
  if (json) return { emit: () => {}, close: () => {} };
  const { errorLine, errorLines } = terminal;
  const toStandardError: Terminal = { ...terminal, line: (text = '') => errorLine(text), lines: errorLines };
  return openPlainView({ terminal: toStandardError, state, verbose: false });
}

function writeVerdict({ verified, recomputed, ok }: BundleVerification, { colors, line }: Terminal): void {
  const { id, manifest, findings, said, unchecked, masks, summary } = verified;
  line(`${colors.bold(manifest.study.name)}, profile ${colors.bold(manifest.study.profile)}, by swp ${manifest.swp}`);
  line(`id ${id}`);
  line();
  for (const text of said) line(`  ${text}`);
  for (const { check, where, message } of findings) line(`${colors.red(`wrong (${check}):`)} ${where}: ${message}.`);
  if (findings.length === 0 && summary.length > 0) {
    line();
    for (const text of summaryLines(summary)) line(text);
  }
  line();
  if (recomputed !== undefined) {
    for (const { place, verdict, detail } of recomputed.filter(({ verdict }) => verdict !== 'same'))
      line(
        `${verdict === 'different' || verdict === 'missing' ? colors.red(verdict) : colors.yellow(verdict)} ${place}${detail === undefined ? '' : `: ${detail}`}`,
      );
    const counts = new Map<string, number>();
    for (const { verdict } of recomputed) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    line(`Computed again: ${[...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ') || 'nothing'}.`);
  }
  const holes = Object.keys(manifest.missing).length;
  const lacking = holes > 0 ? `; ${holes} places of the study have no result in it` : '';
  if (findings.length > 0)
    line(colors.red(`${findings.length} ${findings.length === 1 ? 'thing does' : 'things do'} not hold.`));
  else if (!ok) line(colors.red('What was computed again comes out different.'));
  else if (unchecked.length > 0)
    line(
      `${colors.yellow('What could be checked holds')}${lacking}. Not checked: ${unchecked.join(', ')}; the version of swp that wrote the bundle (${manifest.swp}) can.`,
    );
  else
    line(
      `${colors.green(masks ? 'Everything holds' : 'Everything holds but what follows from masks, which are not in it')}: the report's numbers follow from the bundled records${lacking}.`,
    );
}
