/** swp verify: looks for damage in the cache, and recomputes nodes to compare. */
import { InvalidArgumentError, type Command } from 'commander';
import { EXIT_CODE } from '../exit-code.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { SwpError } from '../../base/failure.ts';
import { parseTolerance } from '../quantity-parse.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface VerifyOptions extends ProjectOptions {
  sample?: number;
  heal?: boolean;
  recompute?: boolean;
  tolerance: number;
}

export function declareVerify(program: Command): Command {
  const command = program
    .command('verify')
    .description('Hash everything in the cache and put aside what is damaged; or recompute nodes and compare.')
    .argument('[selectors...]', 'with --recompute: which nodes')
    .option('--sample <percent>', 'hash only this share of the artifacts, e.g. 10%', percent)
    .option('--heal', 'then compute again what this study has lost')
    .option('--recompute', 'run the selected nodes again, publish nothing, and compare with what is recorded')
    .option(
      '--tolerance <number>',
      'of --recompute, where the machine or a version is another: largest relative difference of a tensor',
      parseTolerance,
      1e-4,
    )
    .addHelpText(
      'after',
      `
Examples:
  swp verify                                 every record and every artifact
  swp verify --sample 10%                    the same tenth of the artifacts each time, and every record
  swp verify --heal                          and compute again what was damaged
  swp verify --recompute stage=train seed=0  the same bits? On another machine: within the tolerance?

What is damaged is moved to damaged/ in the cache; the next swp repro computes it again. Exit code 1: something was
found.
${SELECTOR_HELP}`,
    )
    .action(verify);
  return withStudyOptions(command);
}

async function verify(words: string[], options: VerifyOptions): Promise<void> {
  const terminal = openTerminal();
  refuseContradictions(words, options);
  if (options.recompute) return recompute(words, options, terminal);
  const [{ Cache }, { verifyCache }, { locate }, { quantityText }, { plural }] = await Promise.all([
    import('../../cache/cache.ts'),
    import('../../cache/verification.ts'),
    import('../../project/location.ts'),
    import('../quantity-text.ts'),
    import('../study-text.ts'),
  ]);
  const cache = await Cache.open(locate(options).cache);
  const start = performance.now();
  const result = await verifyCache(cache, options.sample ?? 1, progressLine(terminal, start));
  if (terminal.interactive) process.stdout.write('\r\x1b[K');
  const { records, artifacts, bytes, damages } = result;
  if (options.json) terminal.line(JSON.stringify(result));
  else {
    for (const { path, message, aside } of damages)
      terminal.line(
        `${terminal.colors.red('damaged:')} ${path}: ${message}.${aside === undefined ? '' : `\n  Kept as ${aside}`}`,
      );
    terminal.line(
      `${plural(records, 'record')} and ${plural(artifacts, 'artifact')} (${quantityText(bytes, 'B')}): ${damages.length === 0 ? 'all whole' : `${damages.length} damaged`}.`,
    );
    if (damages.length > 0 && !options.heal) terminal.line('`swp repro` computes again what the study has lost.');
  }
  if (damages.length === 0) return;
  process.exitCode = EXIT_CODE.nodesFailed;
  if (!options.heal) return;
  const { repro } = await import('./repro.ts');
  await repro([], { ...options, checkpointEvery: 60 });
}

/** Whoever names nodes and forgets --recompute would believe that these were computed again. */
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

async function recompute(words: string[], options: VerifyOptions, terminal: Terminal): Promise<void> {
  const [{ openProject, planProject, selectPlanned }, { recomputeNodes }, { labelText }] = await Promise.all([
    import('../../project/project.ts'),
    import('../../verify/recompute.ts'),
    import('../run-text.ts'),
  ]);
  const project = await openProject(options);
  const planned = await planProject(project);
  const results = await recomputeNodes(
    project,
    planned,
    selectPlanned(planned, words),
    options.tolerance,
    ({ planned: { node }, verdict, detail }) => {
      if (options.json) return;
      const colour =
        verdict === 'same' || verdict === 'close'
          ? terminal.colors.green
          : verdict === 'skipped'
            ? terminal.colors.dim
            : terminal.colors.red;
      terminal.line(
        `${colour(verdict.padEnd(9))} ${labelText(node.labels[0]!)}${detail === undefined ? '' : `: ${detail}`}`,
      );
    },
  );
  if (options.json)
    terminal.line(
      JSON.stringify({
        nodes: results.map(({ planned: { node }, ...rest }) => ({ key: node.key, label: node.labels[0], ...rest })),
      }),
    );
  if (results.some(({ verdict }) => verdict === 'different')) process.exitCode = EXIT_CODE.nodesFailed;
}

function percent(text: string): number {
  const number = /^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1];
  if (number === undefined || Number(number) > 100) throw new InvalidArgumentError('It must be a share such as 10%.');
  return Number(number) / 100;
}
