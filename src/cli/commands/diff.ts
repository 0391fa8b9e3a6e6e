/** swp diff: which parameters of two experiments differ, where their nodes part, and how their metrics differ. */
import { compareExperiments, type Comparison } from '../../project/comparison.ts';
import { openProject } from '../../project/project.ts';
import type { DiffOptions } from '../declarations/diff.ts';
import { numberText } from '../run-text.ts';
import { table } from '../table.ts';
import { noteMissingCache } from '../missing-cache-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function diff(a: string, b: string, options: DiffOptions): Promise<void> {
  const comparison = await compareExperiments(await openProject(options), a, b, options.seed);
  const terminal = openTerminal();
  noteMissingCache(options, terminal);
  if (options.json) terminal.line(JSON.stringify(comparison));
  else writeComparison(comparison, terminal);
}

function writeComparison(
  { experiments, seed, shared, nodes, partsAt, parameters, metrics }: Comparison,
  terminal: Terminal,
): void {
  const [a = '', b = ''] = experiments;
  const { colors } = terminal;
  if (partsAt === null)
    return terminal.line(`${a} and ${b} do the very same (seed ${seed}): all their ${shared} nodes are shared.`);
  terminal.line(
    `${colors.bold(a)} and ${colors.bold(b)}, seed ${seed}: they part at ${partsAt.step}${partsAt.round > 0 ? ` of round ${partsAt.round}` : ''}; ${shared} of ${nodes[0]} and ${nodes[1]} nodes are shared.`,
  );
  terminal.line();
  const rows = parameters.map(({ stage, path, before, after, rounds }) => [
    `${stage}.${path}`,
    JSON.stringify(before),
    JSON.stringify(after),
    rounds.filter((round) => round > 0).join(', '),
  ]);
  if (rows.length === 0) terminal.line('No parameter differs: their wiring or their number of rounds does.');
  for (const line of table(['parameter', a, b, 'rounds'], rows, colors)) terminal.line(line);
  const shown = metrics.flatMap(({ step, round, a: one, b: other }) => {
    const name = Object.keys(one).find(
      (metric) => typeof one[metric] === 'number' && typeof other[metric] === 'number',
    );
    return name === undefined
      ? []
      : [
          [
            `${step}${round > 0 ? ` ${round}` : ''}`,
            name,
            numberText(one[name] as number, [other[name] as number]),
            numberText(other[name] as number, [one[name] as number]),
          ],
        ];
  });
  if (shown.length === 0) return;
  terminal.line();
  for (const line of table(['node', 'metric', a, b], shown, colors)) terminal.line(line);
}
