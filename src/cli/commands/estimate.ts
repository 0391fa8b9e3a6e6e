/** swp estimate: what a run will cost before it begins, and how good the last estimate was. */
import { decimal } from '../../base/number-text.ts';
import type { Accuracy } from '../../estimate/accuracy.ts';
import type { Estimate, SecondsRange, Source } from '../../estimate/estimate.ts';
import { estimatedRuns, estimateProject, type ProjectEstimate } from '../../project/estimates.ts';
import { missingCache } from '../../project/missing-cache.ts';
import { oversizedNodes } from '../../project/oversized-nodes.ts';
import { planRun } from '../../project/planned-run.ts';
import { openProject, type Project } from '../../project/project.ts';
import { sizeOf } from '../../project/study-size.ts';
import type { EstimateOptions } from '../declarations/estimate.ts';
import { durationText } from '../duration.ts';
import { warningText } from '../failure-text.ts';
import { quantityText } from '../../base/quantity-text.ts';
import { plural, studyLine } from '../study-text.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function estimate(words: string[], options: EstimateOptions): Promise<void> {
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (options.check) return check(options, terminal);
  const project = await openProject(options);
  const nodes = project.dag.nodes().map((key) => project.dag.getNodeAttributes(key));
  for (const failure of await oversizedNodes(nodes, project.study.root))
    terminal.errorLine(warningText(failure, terminal.colors));
  const estimated = await estimateProject(project, await planRun(project, words, { changesNothing: true }), {
    jobs: options.jobs,
    calibrate: options.calibrate ? 'all' : 'lacking',
    fresh: options.fresh ?? false,
    keep: options.keep,
    keeps: missingCache(options) === undefined, // a slip of the pen makes no cache
    gpuTflops: options.gpuTflops,
    onCalibration: (stages) => terminal.errorLine(`Measuring ${stages.join(', ')} on this machine.`),
  });
  if (options.json) terminal.line(JSON.stringify(estimated));
  else writeEstimate(project, estimated, options.keep ?? project.study.keep, terminal);
}

function writeEstimate(
  project: Project,
  estimated: ProjectEstimate,
  keep: NonNullable<EstimateOptions['keep']>,
  terminal: Terminal,
): void {
  const { nodes, stages, seconds, unknown, disk, gpu, secondsAround } = estimated;
  const { colors } = terminal;
  terminal.line(studyLine(sizeOf(project.study), colors));
  const { blocked = 0 } = nodes;
  if (blocked > 0)
    terminal.line(
      colors.red(`${plural(blocked, 'node')} of ${nodes.total} blocked, and not estimated; \`swp status\` says why.`),
    );
  else if (nodes.toRun === 0) terminal.line(`Nothing to do: all ${plural(nodes.total, 'node')} are cached.`);
  if (nodes.toRun === 0) return;
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
  const isKnown = stages.some(({ seconds }) => seconds !== null);
  const without =
    unknown.length > 0
      ? `, without ${unknown.join(', ')}: nothing is known of ${unknown.length > 1 ? 'them' : 'it'}`
      : '';
  if (!isKnown) terminal.line(`How long it takes and what it writes is not known: nothing could be measured.`);
  else
    terminal.line(
      `On this machine, ${plural(estimated.jobs, 'node')} at a time${estimated.jobs > estimated.cpus ? ` on ${plural(estimated.cpus, 'CPU')}` : ''}: about ${colors.bold(durationText(seconds.estimate))} (${rangeText(seconds)})${without}.`,
    );
  if (secondsAround !== null)
    terminal.line(
      `swp itself and the report: about ${durationText(Math.max(0, secondsAround))} more, as in the last runs.`,
    );
  if (estimated.flops > 0)
    terminal.line(
      `Arithmetic: ${quantityText(estimated.flops, 'FLOP')}${gpu === null ? '; --gpu-tflops X says how long that is on a GPU' : `; ${durationText(gpu.hours * 3600)} on a GPU that sustains ${gpu.tflops} TFLOP/s`}.`,
    );
  const [largest] = stages.toSorted((a, b) => (b.memory ?? 0) - (a.memory ?? 0));
  if (largest !== undefined && largest.memory !== null)
    terminal.line(
      `Memory: about ${quantityText(largest.memory, 'B')} at most for a node of ${largest.stage}; so many run at a time as fit.`,
    );
  // Of stages of which nothing is known, nothing is counted: that is no 0.
  const written = (
    [
      [disk.evictable, 'that swp gc may evict'],
      [disk.kept, 'that stay'],
    ] as const
  )
    .filter(([bytes]) => bytes > 0 || unknown.length === 0)
    .map(([bytes, what]) => `${quantityText(bytes, 'B')} ${what}`);
  if (isKnown) terminal.line(`Disk: at most ${written.join(', and ')}${without}.`);
  if (isKnown && keep !== 'all')
    terminal.line(`With keep: ${keep}, about ${quantityText(disk.peak, 'B')} at a time: the run evicts as it goes.`);
  const failures = stages.flatMap(({ source }) => (source.kind === 'unknown' ? (source.failure ?? []) : []));
  for (const text of new Set(failures.map((failure) => warningText(failure, colors)))) terminal.errorLines(text);
}

/** For stages that count training steps: how many there are, and how many there would be without sharing. */
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

function check(options: EstimateOptions, terminal: Terminal): void {
  const runs = estimatedRuns(options);
  if (options.json) return terminal.line(JSON.stringify({ runs }));
  const { profile, selectors, startedAt, accuracy } = runs[0]!;
  writeAccuracy([profile, ...selectors].join(' '), startedAt, accuracy, terminal);
}

function writeAccuracy(
  run: string,
  startedAt: string,
  { estimated, lower, upper, took, ratio, stages }: Accuracy,
  terminal: Terminal,
): void {
  const { colors } = terminal;
  terminal.line(
    `${run}, ${startedAt.slice(0, 19).replace('T', ' ')}: estimated ${durationText(estimated)} (${durationText(lower)} to ${durationText(upper)}), took ${durationText(took)} (${colors.bold(`x${decimal(ratio, 2)}`)}).`,
  );
  terminal.line();
  const rows = stages.map((stage) => [
    stage.stage,
    String(stage.nodes.estimated),
    String(stage.nodes.ran),
    stage.estimated === null ? '?' : durationText(stage.estimated),
    durationText(stage.took),
    stage.ratio === null ? '' : `x${decimal(stage.ratio, 2)}`,
  ]);
  for (const line of table(['stage', 'nodes expected', 'ran', 'estimated', 'took', ''], rows, colors))
    terminal.line(line);
}
