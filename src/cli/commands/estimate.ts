/** swp estimate: what a run will cost before it begins, and how good the last estimate was. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Accuracy } from '../../estimate/accuracy.ts';
import type { Estimate, SecondsRange, Source } from '../../estimate/estimate.ts';
import { SwpError } from '../../base/failure.ts';
import { SELECTOR_HELP, withStudyOptions } from '../help.ts';
import type { Project } from '../../project/project.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface EstimateOptions extends ProjectOptions {
  jobs?: number;
  gpuTflops?: number;
  calibrate?: boolean;
  fresh?: boolean;
  check?: boolean;
}

export function declareEstimate(program: Command): Command {
  const command = program
    .command('estimate')
    .description(
      'Say what a run will cost: nodes, training steps, FLOP, hours, disk; and how good the last estimate was.',
    )
    .argument('[selectors...]', 'only these nodes and what they need, as swp repro would')
    .option('-j, --jobs <number>', 'nodes at a time (default: the CPUs there are)', jobs)
    .option('--calibrate', 'measure on this machine now, whatever the cache tells')
    .option('--gpu-tflops <number>', 'also say the hours of a GPU that sustains so many TFLOP/s', positive)
    .option('--fresh', 'as if nothing were in the cache')
    .option('--check', 'compare the last estimate with the run that followed')
    .addHelpText(
      'after',
      `
Examples:
  swp estimate                                   what swp repro would do now
  swp estimate --profile table --jobs 8
  swp estimate --profile table --gpu-tflops 20   and on a GPU that sustains 20 TFLOP/s
  swp estimate experiment=A1 seed=0 --fresh      one run, as if nothing were cached
  swp estimate --check                           estimated, took, and the ratio, by stage
  swp estimate --json                            {"nodes", "stages":[...], "flops", "seconds":{estimate, lower, upper}, "disk", ...}

Times come from records of this cache: the same stage, model, batch and device on the same model of processor. What no
record tells is measured in a few seconds, on small nodes of the study. A range goes from the 10th to the 90th
percentile of what measured nodes took. FLOP are those of the matrix products, counted from the graph.
${SELECTOR_HELP}`,
    )
    .action(estimate);
  return withStudyOptions(command);
}

async function estimate(words: string[], options: EstimateOptions): Promise<void> {
  const terminal = openTerminal();
  if (options.check) return check(options, terminal);
  const [{ openProject, planProject, selectPlanned }, { estimateStudy }, { usableCpus }, { resultsKey }] =
    await Promise.all([
      import('../../project/project.ts'),
      import('../../estimate/study-estimate.ts'),
      import('../../base/usable-cpus.ts'),
      import('../../project/study-report.ts'),
    ]);
  const project = await openProject(options);
  const planned = await planProject(project);
  const key = resultsKey(project);
  const wanted =
    words.length === 0
      ? {}
      : { targets: selectPlanned(planned, words).map(({ node }) => node.key), gather: key === undefined ? [] : [key] };
  const estimated = await estimateStudy(project, planned, {
    ...wanted,
    jobs: options.jobs ?? usableCpus(),
    calibrate: options.calibrate ? 'all' : 'lacking',
    fresh: options.fresh ?? false,
    onCalibration: (stages) => terminal.errorLine(`Measuring ${stages.join(', ')} on this machine.`),
  });
  const gpuHours = options.gpuTflops === undefined ? null : estimated.flops / (options.gpuTflops * 1e12) / 3600;
  const around = await secondsAround(project);
  if (options.json)
    terminal.line(
      JSON.stringify({
        ...estimated,
        gpu: gpuHours === null ? null : { tflops: options.gpuTflops, hours: gpuHours },
        secondsAround: around,
      }),
    );
  else
    await writeEstimate(
      project,
      estimated,
      { gpuHours, ...(options.gpuTflops !== undefined && { tflops: options.gpuTflops }), around },
      terminal,
    );
}

/** What swp itself and the report took around the nodes, by the last runs of this profile; null if none told. */
async function secondsAround({ cache, study }: Project): Promise<number | null> {
  const [{ readHistory }, { studyFolder }, { quantile }] = await Promise.all([
    import('../../cache/run-history.ts'),
    import('../../cache/study-state.ts'),
    import('../../estimate/rate.ts'),
  ]);
  const runs = readHistory(studyFolder(cache.directory, study.path), 20).filter(
    ({ profile, waited, stopped }) => profile === study.profile.name && waited !== undefined && stopped === undefined,
  );
  return runs.length === 0
    ? null
    : quantile(
        runs.map(({ waited, seconds }) => waited! - seconds),
        0.5,
      );
}

interface Beside {
  gpuHours: number | null;
  tflops?: number;
  around: number | null;
}

async function writeEstimate(
  project: Project,
  estimated: Estimate,
  { gpuHours, tflops, around }: Beside,
  terminal: Terminal,
): Promise<void> {
  const [{ studyLine, plural }, { table }, { durationText }, { quantityText }] = await Promise.all([
    import('../study-text.ts'),
    import('../table.ts'),
    import('../duration.ts'),
    import('../quantity-text.ts'),
  ]);
  const { nodes, stages, seconds, unknown, disk } = estimated;
  const { colors } = terminal;
  terminal.line(studyLine(project.study, colors));
  if (nodes.toRun === 0) return terminal.line(`Nothing to do: all ${plural(nodes.total, 'node')} are cached.`);
  const rangeText = ({ lower, upper }: SecondsRange) => `${durationText(lower)} to ${durationText(upper)}`;
  terminal.line(`${nodes.toRun} of ${plural(nodes.total, 'node')} to run.`);
  terminal.line();
  const rows = stages.map(({ stage, nodes, unit, units, flops, seconds, source }) => [
    stage,
    String(nodes),
    unit === 'nodes' ? '' : `${units.toLocaleString('en')} ${unit}`,
    flops === null ? '' : quantityText(flops, 'FLOP'),
    seconds === null ? '?' : durationText(seconds.estimate),
    seconds === null ? '' : rangeText(seconds),
    sourceText(source),
  ]);
  for (const line of table(
    ['stage', 'nodes', 'work', 'FLOP', 'one by one', '10th to 90th percentile', 'from'],
    rows,
    colors,
  ))
    terminal.line(line);
  terminal.line();
  for (const line of sharingLines(estimated)) terminal.line(line);
  terminal.line(
    `On this machine, ${plural(estimated.jobs, 'node')} at a time${estimated.jobs > estimated.cpus ? ` on ${plural(estimated.cpus, 'CPU')}` : ''}: about ${colors.bold(durationText(seconds.estimate))} (${rangeText(seconds)})${unknown.length > 0 ? `, without ${unknown.join(', ')}: nothing is known of ${unknown.length > 1 ? 'them' : 'it'}` : ''}.`,
  );
  if (around !== null)
    terminal.line(`swp itself and the report: about ${durationText(Math.max(0, around))} more, as in the last runs.`);
  if (estimated.flops > 0)
    terminal.line(
      `Arithmetic: ${quantityText(estimated.flops, 'FLOP')}${gpuHours === null ? '; --gpu-tflops X says how long that is on a GPU' : `; ${durationText(gpuHours * 3600)} on a GPU that sustains ${tflops} TFLOP/s`}.`,
    );
  terminal.line(
    `Disk: at most ${quantityText(disk.evictable, 'B')} that swp gc may evict, and ${quantityText(disk.kept, 'B')} that stay.`,
  );
}

/** What sharing saves, of the stages that count more than nodes. */
function sharingLines({ stages }: Estimate): string[] {
  return stages.flatMap(({ stage, unit, units, asked, resumed }) => {
    if (unit !== 'steps') return [];
    const there = resumed > 0 ? `, after ${resumed.toLocaleString('en')} that are there` : '';
    return [
      `${stage}: ${units.toLocaleString('en')} distinct ${unit} to do${there}; ${asked.toLocaleString('en')} if nothing were shared.`,
    ];
  });
}

function sourceText(source: Source): string {
  if (source.kind === 'unknown') return 'nothing measured';
  return source.kind === 'records'
    ? `${source.n} ${source.n === 1 ? 'record' : 'records'}`
    : `calibration (${source.n} samples)`;
}

/** @throws SwpError of kind `usage` if no run can be compared */
async function check(options: EstimateOptions, terminal: Terminal): Promise<void> {
  const [{ readHistory }, { studyFolder }, { locate }, { accuracyOf }] = await Promise.all([
    import('../../cache/run-history.ts'),
    import('../../cache/study-state.ts'),
    import('../../project/location.ts'),
    import('../../estimate/accuracy.ts'),
  ]);
  const { path, profile, cache } = locate(options);
  const runs = readHistory(studyFolder(cache, path)).filter((run) => profile === undefined || run.profile === profile);
  const compared = runs.flatMap((run) => {
    const accuracy = accuracyOf(run);
    return accuracy === undefined
      ? []
      : [{ startedAt: run.startedAt, profile: run.profile, selectors: run.selectors, accuracy }];
  });
  const [last] = compared;
  if (last === undefined)
    throw new SwpError({
      kind: 'usage',
      message: 'No run of this study began with an estimate and came to its end.',
      expected: '`swp repro` with something to do, after `swp estimate` or an earlier run',
    });
  if (options.json) terminal.line(JSON.stringify({ runs: compared }));
  else
    await writeAccuracy(
      `${[last.profile, ...last.selectors].join(' ')}, ${last.startedAt.slice(0, 19).replace('T', ' ')}`,
      last.accuracy,
      terminal,
    );
}

async function writeAccuracy(
  run: string,
  { estimated, lower, upper, took, ratio, stages }: Accuracy,
  terminal: Terminal,
): Promise<void> {
  const [{ table }, { durationText }] = await Promise.all([import('../table.ts'), import('../duration.ts')]);
  const { colors } = terminal;
  terminal.line(
    `${run}: estimated ${durationText(estimated)} (${durationText(lower)} to ${durationText(upper)}), took ${durationText(took)} (${colors.bold(`x${ratio.toFixed(2)}`)}).`,
  );
  terminal.line();
  const rows = stages.map((stage) => [
    stage.stage,
    String(stage.nodes.estimated),
    String(stage.nodes.ran),
    stage.estimated === null ? '?' : durationText(stage.estimated),
    durationText(stage.took),
    stage.ratio === null ? '' : `x${stage.ratio.toFixed(2)}`,
  ]);
  for (const line of table(['stage', 'nodes expected', 'ran', 'estimated', 'took', ''], rows, colors))
    terminal.line(line);
}

function jobs(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(text);
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0 && number < Infinity)) throw new InvalidArgumentError('It must be a positive number.');
  return number;
}
