/** swp verify: looks for damage in the cache, and recomputes nodes to compare. */
import { SwpError } from '../../base/failure.ts';
import { openProject } from '../../project/project.ts';
import { recompute, verifyCacheOf } from '../../project/verification.ts';
import type { Recomputed } from '../../verify/recompute.ts';
import type { VerifyOptions } from '../declarations/verify.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { quantityText } from '../quantity-text.ts';
import { labelText } from '../run-text.ts';
import { plural } from '../study-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { repro } from './repro.ts';

export async function verify(words: string[], options: VerifyOptions): Promise<void> {
  const terminal = openTerminal();
  refuseContradictions(words, options);
  if (options.recompute) return recomputeNodes(words, options, terminal);
  const progress = progressLine(terminal, performance.now());
  const result = await verifyCacheOf(options, options.sample ?? 1, progress);
  if (terminal.interactive) process.stdout.write('\r\x1b[K');
  const { records, otherVersions, artifacts, bytes, damages } = result;
  if (options.json) terminal.line(JSON.stringify(result));
  else {
    for (const { path, message, aside } of damages)
      terminal.line(
        `${terminal.colors.red('damaged:')} ${path}: ${message}.${aside === undefined ? '' : `\n  Kept as ${aside}`}`,
      );
    terminal.line(
      `${plural(records, 'record')} and ${plural(artifacts, 'artifact')} (${quantityText(bytes, 'B')}): ${damages.length === 0 ? 'all whole' : `${damages.length} damaged`}.`,
    );
    if (otherVersions > 0)
      terminal.line(
        `${plural(otherVersions, 'record')} of other versions of swp: nothing is served from ${otherVersions === 1 ? 'it' : 'them'} here.`,
      );
    if (damages.length > 0 && !options.heal) terminal.line('`swp repro` computes again what the study has lost.');
  }
  if (damages.length === 0) return;
  process.exitCode = EXIT_CODE.nodesFailed;
  if (options.heal) await repro([], { ...options, checkpointEvery: 60 });
}

/** E.g. selectors without --recompute: they would look as if those nodes were computed again. */
function refuseContradictions(words: string[], { recompute, heal, sample }: VerifyOptions): void {
  if (!recompute && words.length > 0)
    throw new SwpError({
      kind: 'usage',
      message: 'Selectors choose what --recompute runs again; damage is looked for in the whole cache.',
      expected: `swp verify --recompute ${words.join(' ')}, or swp verify alone`,
    });
  if (!recompute) return;
  if (words.length === 0)
    throw new SwpError({
      kind: 'usage',
      message: 'There is no selector: --recompute runs everything again that it is given.',
      expected: "swp verify --recompute SELECTOR, such as stage=eval; stage='*' means all",
    });
  if (heal || sample !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: '--recompute changes nothing and hashes no more than it needs.',
      expected: 'either --recompute, or --heal and --sample',
    });
}

/** On a terminal: a line that is drawn again and again. */
function progressLine({ interactive }: Terminal, start: number): (progress: { done: number; total: number }) => void {
  let last = 0;
  return ({ done, total }) => {
    const now = performance.now();
    if (!interactive || now - last < 100) return;
    last = now;
    const left = ((now - start) / 1000) * (total / Math.max(1, done) - 1);
    process.stdout.write(
      `\r\x1b[K ${Math.round((100 * done) / Math.max(1, total))} % of ${(total / 1e6).toFixed(0)} MB, about ${Math.ceil(left)} s left`,
    );
  };
}

async function recomputeNodes(words: string[], options: VerifyOptions, terminal: Terminal): Promise<void> {
  const results = await recompute(await openProject(options), words, options.tolerance, (result) => {
    if (options.json) return;
    const { planned, verdict, detail } = result;
    const text = `${verdictColour(verdict, terminal)(verdict.padEnd(9))} ${labelText(planned.node.labels[0]!)}`;
    terminal.line(detail === undefined ? text : `${text}: ${detail}`);
  });
  if (options.json)
    terminal.line(
      JSON.stringify({
        nodes: results.map(({ planned: { node }, ...rest }) => ({ key: node.key, label: node.labels[0], ...rest })),
      }),
    );
  if (results.some(({ verdict }) => verdict === 'different')) process.exitCode = EXIT_CODE.nodesFailed;
}

function verdictColour(verdict: Recomputed['verdict'], { colors }: Terminal): (text: string) => string {
  if (verdict === 'same' || verdict === 'close') return colors.green;
  return verdict === 'skipped' ? colors.dim : colors.red;
}
