/** swp verify: looks for damage in the cache, and recomputes nodes to compare. */
import { SwpError } from '../../base/failure.ts';
import { decimal } from '../../base/number-text.ts';
import { openProject } from '../../project/project.ts';
import { recompute, verifyCacheOf, verifyStudy, type StudyVerification } from '../../project/verification.ts';
import type { Recomputed } from '../../verify/recompute.ts';
import type { Verification } from '../../verify/verify-cache.ts';
import type { VerifyOptions } from '../declarations/verify.ts';
import { EXIT_CODE, exitCodeOf } from '../exit-code.ts';
import { writeFailure } from '../failure-text.ts';
import { quantityText } from '../../base/quantity-text.ts';
import { labelText } from '../run-text.ts';
import { plural } from '../study-text.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { repro } from './repro.ts';

export async function verify(words: string[], options: VerifyOptions): Promise<void> {
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  refuseContradictions(words, options);
  if (options.recompute) return recomputeNodes(words, options, terminal);
  const progress = progressLine(terminal, performance.now());
  const result = await verifyCacheOf(options, options.sample ?? 1, progress);
  if (terminal.interactive) process.stdout.write('\r\x1b[K');
  const { damages } = result;
  // What rests on damaged files cannot be expected to hold, and a sample is meant to be quick.
  const study: StudyVerification =
    damages.length > 0 || options.sample !== undefined
      ? {}
      : await verifyStudy(options, options.tolerance, options.heal ?? false);
  if (options.json) terminal.line(JSON.stringify({ ...result, ...studyJson(study) }));
  else {
    writeDamages(result, options, terminal);
    writeStudy(study, options, terminal);
  }
  const { results, changedReportFile, failure } = study;
  if (failure !== undefined) process.exitCode = exitCodeOf(failure);
  if (damages.length === 0 && changedReportFile === undefined && results?.verdict !== 'different') return;
  process.exitCode = EXIT_CODE.nodesFailed;
  // A run that finds the results cached would say that all is well.
  // Whoever asks for it waits for it: not in jobs, whatever swp.config.json says of other runs.
  if (options.heal && results?.failed === undefined)
    await repro([], { ...options, executor: 'local', checkpointEvery: 60 });
}

function writeDamages(
  { records, otherVersions, artifacts, bytes, damages }: Verification,
  { heal = false }: VerifyOptions,
  terminal: Terminal,
): void {
  for (const { path, message, aside } of damages) {
    terminal.line(`${terminal.colors.red('damaged:')} ${path}: ${message}.`);
    if (aside !== undefined) terminal.line(`  Kept as ${aside}`);
  }
  terminal.line(
    `${plural(records, 'record')} and ${plural(artifacts, 'artifact')} (${quantityText(bytes, 'B')}): ${damages.length === 0 ? 'all whole' : `${damages.length} damaged`}.`,
  );
  if (otherVersions > 0)
    terminal.line(
      `${plural(otherVersions, 'record')} of other versions of swp: nothing is served from ${otherVersions === 1 ? 'it' : 'them'} here.`,
    );
  if (damages.length > 0 && !heal) terminal.line('`swp repro` computes again what the study has lost.');
}

function writeStudy(
  { results, aside = [], changedReportFile, failure }: StudyVerification,
  options: VerifyOptions,
  terminal: Terminal,
): void {
  if (failure !== undefined) {
    terminal.line('The results and the report of this study could not be looked at:');
    writeFailure(failure, terminal);
  }
  if (results !== undefined) {
    const { planned, verdict, detail, failed } = results;
    const { name } = planned.node.stage;
    const said = {
      same: 'the same results, bit for bit',
      close: `close results (${detail})`,
      skipped: `skipped: ${detail}`,
      different: failed ? detail : `${terminal.colors.red('different')} results: ${detail}`,
    }[verdict];
    terminal.line(`${name} run again on what it gathered: ${said}.`);
    for (const path of aside) terminal.line(`  The record of the earlier ones is kept as ${path}`);
    if (verdict === 'different' && !failed && aside.length === 0)
      terminal.line(`  \`${healingCommand(options)}\` puts their record aside and makes them again.`);
  }
  if (changedReportFile === undefined) return;
  terminal.line(`${terminal.colors.red('damaged:')} ${changedReportFile}: it is not as it was rendered.`);
  terminal.line('  `swp repro` renders the report again.');
}

/** To be copied: of the study and the cache that were looked at. */
function healingCommand({ pipeline, profile, cache, device, engine }: VerifyOptions): string {
  const given = Object.entries({ pipeline, profile, cache, device, engine }).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name}`, /^[\w./:@+-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`],
  );
  return ['swp verify --heal', ...given].join(' ');
}

function studyJson({ results, aside, changedReportFile, failure }: StudyVerification) {
  const { verdict, detail } = results ?? {};
  return {
    ...(verdict !== undefined && {
      results: { verdict, ...(detail !== undefined && { detail }), ...(aside && { aside }) },
    }),
    ...(changedReportFile !== undefined && { changedReportFile }),
    ...(failure !== undefined && { failure }),
  };
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
      `\r\x1b[K ${Math.floor((100 * done) / Math.max(1, total))} % of ${decimal(total / 1e6, 0)} MB, about ${Math.ceil(left)} s left`,
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
