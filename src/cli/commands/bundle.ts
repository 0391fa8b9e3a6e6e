/**
 * swp bundle: one archive from which another machine verifies every number of the report, or recomputes and compares.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { SwpError } from '../../base/failure.ts';
import type { OpenBundle, VerifiedBundle } from '../../bundle/verify.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { SELECTOR_HELP, withProjectOptions, withStudyOptions } from '../help.ts';
import { parseBytes } from '../quantity-parse.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface BundleOptions extends ProjectOptions {
  output?: string;
  weights?: boolean;
}

interface VerifyOptions extends ProjectOptions {
  id?: string;
  recompute?: boolean;
  jobs?: number;
  tolerance: number;
  maxSize: number;
}

/** What a bundle may unpack to, unless more is allowed. */
const LARGEST_BYTES = 20e9;

export function declareBundle(program: Command): Command {
  const command = program
    .command('bundle')
    .description('Write one archive from which another machine verifies every number of the report.')
    .option('-o, --output <file>', 'where to (default: STUDY-PROFILE.tar.gz here)')
    .option('--weights', 'also the weights and whatever else swp gc may evict, as far as they are there')
    .addHelpText(
      'after',
      `
Examples:
  swp bundle                              the profile's records, metrics, masks, curves and report
  swp bundle --profile table -o table.tar.gz
  swp bundle --weights                    with the weights: much larger
  swp bundle verify study-pilot.tar.gz    on any machine with swp: no study, no cache, no weights needed
  swp bundle --json                       {"file", "id", "bytes", "files", "records", "missing":[place]}

The id is the SHA-256 of the manifest, which has that of every file: who knows the id knows every byte. Print it with the
paper. The same cache gives the same bundle each time.`,
    )
    .action(bundle);
  const verify = command
    .command('verify')
    .description('Verify a bundle: its files, its records, its results and its report; or compute all of it again.')
    .argument('<file>', 'what swp bundle wrote')
    .argument('[selectors...]', 'with --recompute: only these nodes')
    .option('--id <sha256>', 'the id that the bundle must have; its beginning is enough')
    .option('--recompute', "run the bundle's study, programs of its own included, and compare every artifact")
    .option('-j, --jobs <number>', 'of --recompute: nodes at a time', Number)
    .option(
      '--tolerance <number>',
      'of --recompute, where the machine or a version is another: largest relative difference of a tensor',
      Number,
      1e-4,
    )
    .option('--max-size <size>', 'what the bundle may unpack to', parseBytes, LARGEST_BYTES)
    .addHelpText(
      'after',
      `
Examples:
  swp bundle verify study-pilot.tar.gz
  swp bundle verify study-pilot.tar.gz --id 3fa9c1d2
  swp bundle verify study-pilot.tar.gz --recompute experiment=A1 seed=0
  swp bundle verify study-pilot.tar.gz --recompute --cache scratch    in a cache that stays
  swp bundle verify study-pilot.tar.gz --json    {"id", "ok", "findings":[{check, where, message}], "checked":[...]}

Every file is hashed; every record's key is derived again from what it says was hashed; every input is followed to the
artifact that it names; the results are made again from the artifacts, with the code that is installed here; and the
report is rendered again from the results. What was invented consistently, down to the metrics of each node, only
--recompute can find. Exit code 1: something does not hold.
${SELECTOR_HELP}`,
    )
    .action((file: string, words: string[], _options: VerifyOptions, self: Command) =>
      verifyBundle(file, words, self.optsWithGlobals<VerifyOptions>()),
    );
  withProjectOptions(verify);
  return withStudyOptions(command);
}

async function bundle(options: BundleOptions): Promise<void> {
  const [
    { openProject, planProject },
    { latestResults, resultsKey },
    { bundleContents },
    { writeArchive },
    { bundleId, manifestText },
    { collectEnvironment },
    { rendererStamp },
    { renderBundledReport },
    { locate },
  ] = await Promise.all([
    import('../../project/project.ts'),
    import('../../project/study-report.ts'),
    import('../../bundle/contents.ts'),
    import('../../bundle/archive-writer.ts'),
    import('../../bundle/manifest.ts'),
    import('../../engine/environment.ts'),
    import('../../report/renderer-stamp.ts'),
    import('../../bundle/report.ts'),
    import('../../project/location.ts'),
  ]);
  const terminal = openTerminal();
  const project = await openProject(options);
  const { study, cache } = project;
  const planned = await planProject(project);
  const key = resultsKey(project);
  const results = key === undefined ? undefined : await latestResults(project, key);
  if (![...planned.nodes.values()].some(({ state }) => state === 'cached'))
    throw new SwpError({
      kind: 'usage',
      message: `There are no results of profile "${study.profile.name}" yet.`,
      expected: '`swp repro` first',
    });
  const scratch = await cache.scratch.node();
  try {
    const artifact = results?.artifacts.results;
    const report = artifact === undefined ? undefined : join(scratch, 'report');
    if (artifact !== undefined) {
      await cache.verify(artifact);
      await renderBundledReport(report!, cache.artifactPath(artifact), cache);
    }
    const contents = await bundleContents(project, planned, {
      weights: options.weights ?? false,
      overrides: locate(options).overrides,
      results,
      report,
      renderer: rendererStamp(),
      environment: await collectEnvironment(study.root),
    });
    refuseOldResults(contents.manifest, results, study.profile.name);
    const text = manifestText(contents.manifest);
    const file = resolve(options.output ?? `${study.name}-${study.profile.name}.tar.gz`);
    await writeArchive(file, text, contents.files);
    await tell({ file, id: bundleId(text), manifest: contents.manifest, json: options.json ?? false, terminal });
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await cache.scratch.clear();
  }
}

/** @throws SwpError of kind `usage` if the results were made of other nodes than the study has now */
function refuseOldResults(
  { places }: VerifiedBundle['manifest'],
  results: { preimage: object } | undefined,
  profile: string,
): void {
  const gathers =
    (
      results?.preimage as {
        gathers?: Record<
          string,
          { key?: string; label: { experiment: string; seed: number; round: number; step: string } }[]
        >;
      }
    )?.gathers ?? {};
  const old = Object.values(gathers)
    .flat()
    .find(
      ({ key, label }) =>
        key !== undefined && places[`${label.experiment}/s${label.seed}/r${label.round}/${label.step}`] !== key,
    );
  if (old !== undefined)
    throw new SwpError({
      kind: 'usage',
      message: `The results of profile "${profile}" are of an earlier state of the study.`,
      expected: '`swp repro` first, so that report and records belong together',
    });
}

async function tell({
  file,
  id,
  manifest,
  json,
  terminal,
}: {
  file: string;
  id: string;
  manifest: VerifiedBundle['manifest'];
  json: boolean;
  terminal: Terminal;
}): Promise<void> {
  const [{ statSync }, { quantityText }, { plural }] = await Promise.all([
    import('node:fs'),
    import('../quantity-text.ts'),
    import('../study-text.ts'),
  ]);
  const { size } = statSync(file);
  const names = Object.keys(manifest.files);
  const records = names.filter((name) => name.startsWith('records/')).length;
  const missing = Object.keys(manifest.missing);
  if (json) return terminal.line(JSON.stringify({ file, id, bytes: size, files: names.length, records, missing }));
  terminal.line(
    `Written: ${terminal.colors.bold(file)} (${quantityText(size, 'B')}): ${plural(records, 'record')}, ${plural(names.filter((name) => name.startsWith('artifacts/')).length, 'artifact')}${manifest.weights ? ' with weights' : ', without weights'}.`,
  );
  if (missing.length > 0)
    terminal.errorLine(
      `${plural(missing.length, 'place')} of the study ${missing.length === 1 ? 'has' : 'have'} no result: the bundle says so.`,
    );
  terminal.line(`Id: ${id}`);
  terminal.line(`Anyone with swp can verify it: swp bundle verify ${file.split('/').at(-1)} --id ${id.slice(0, 16)}`);
}

async function verifyBundle(file: string, words: string[], options: VerifyOptions): Promise<void> {
  const [{ withBundle }, { version }] = await Promise.all([import('../../bundle/verify.ts'), import('../version.ts')]);
  const terminal = openTerminal();
  if (words.length > 0 && !options.recompute)
    throw new SwpError({
      kind: 'usage',
      message: `"${words[0]}" selects nodes to compute again.`,
      expected: '--recompute with it, or no selector',
    });
  if (options.id !== undefined && !/^[0-9a-f]{8,64}$/i.test(options.id))
    throw new SwpError({
      kind: 'usage',
      message: `"${options.id}" is no id of a bundle.`,
      expected: 'at least the first 8 of its hexadecimal digits',
    });
  await withBundle(
    resolve(file),
    { limit: options.maxSize, version, ...(options.id !== undefined && { id: options.id }) },
    async (open) => {
      const { verified } = open;
      const recomputed =
        options.recompute && verified.findings.length === 0
          ? await recompute(open, words, options, terminal)
          : undefined;
      const ok =
        verified.findings.length === 0 &&
        !(recomputed ?? []).some(({ verdict }) => verdict === 'different' || verdict === 'missing');
      if (options.json)
        terminal.line(
          JSON.stringify({
            id: verified.id,
            ok,
            study: verified.manifest.study,
            findings: verified.findings,
            checked: verified.said,
            ...(recomputed && { recomputed }),
          }),
        );
      else writeVerdict(verified, recomputed, terminal);
      if (!ok) process.exitCode = EXIT_CODE.nodesFailed;
    },
  );
}

type Recomputed = Awaited<ReturnType<typeof recompute>>;

/** Runs the bundle's study in a folder of its own, in the cache that was given or a temporary one. */
async function recompute(open: OpenBundle, words: string[], options: VerifyOptions, terminal: Terminal) {
  const [{ compareWithBundle }, { runBundledStudy }] = await Promise.all([
    import('../../bundle/recompute.ts'),
    import('../run-bundle.ts'),
  ]);
  const temporary = options.cache === undefined ? await mkdtemp(join(tmpdir(), 'swp-recompute-')) : undefined;
  try {
    const { made, cache } = await runBundledStudy(open, {
      words,
      cache: resolve(options.cache ?? temporary!),
      jobs: options.jobs,
      json: options.json ?? false,
      terminal,
    });
    const wanted = {
      ...open.verified.manifest,
      places: Object.fromEntries(Object.entries(open.verified.manifest.places).filter(([place]) => made.has(place))),
    };
    return await compareWithBundle(
      { ...open, verified: { ...open.verified, manifest: wanted } },
      made,
      cache,
      options.tolerance,
    );
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

function writeVerdict(
  { id, manifest, findings, said, summary }: VerifiedBundle,
  recomputed: Recomputed | undefined,
  { colors, line }: Terminal,
): void {
  line(`${colors.bold(manifest.study.name)}, profile ${colors.bold(manifest.study.profile)}, by swp ${manifest.swp}`);
  line(`id ${id}`);
  line();
  for (const text of said) line(`  ${text}`);
  for (const { check, where, message } of findings) line(`${colors.red(`wrong (${check}):`)} ${where}: ${message}.`);
  if (findings.length === 0 && summary.length > 0) {
    line();
    for (const text of summary) line(text);
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
  line(
    findings.length > 0
      ? colors.red(`${findings.length} ${findings.length === 1 ? 'thing does' : 'things do'} not hold.`)
      : `${colors.green('Everything holds')}: the report's numbers follow from the bundled records${holes > 0 ? `; ${holes} places of the study have no result in it` : ''}.`,
  );
}
