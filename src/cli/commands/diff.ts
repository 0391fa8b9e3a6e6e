/** swp diff: what two experiments do differently, and what came of it. */
import type { Command } from 'commander';
import type { PlannedState } from '../../engine/plan.ts';
import { SwpError } from '../../base/failure.ts';
import { withStudyOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface Pair {
  step: string;
  round: number;
  stage: string;
  a?: PlannedState;
  b?: PlannedState;
}

export function declareDiff(program: Command): Command {
  const command = program
    .command('diff')
    .description('Say what differs between two experiments: parameters, where they part, and their metrics.')
    .argument('<a>', 'an experiment')
    .argument('<b>', 'another one')
    .option('--seed <seed>', 'compare the runs of this seed (default: the first that both have)', Number)
    .addHelpText(
      'after',
      `
Examples:
  swp diff A1 B1
  swp diff A1 C1 --seed 1
  swp diff A1 B1 --json    {"shared", "partsAt", "parameters":[{stage, path, rounds, before, after}], "metrics":[...]}`,
    )
    .action(diff);
  return withStudyOptions(command);
}

async function diff(a: string, b: string, options: ProjectOptions & { seed?: number }): Promise<void> {
  const [{ openProject, planProject }, { differences }, { nearestName }] = await Promise.all([
    import('../../project/project.ts'),
    import('../../base/json-diff.ts'),
    import('../../base/nearest-name.ts'),
  ]);
  const project = await openProject(options);
  const { experiments, steps } = project.study;
  const [first, second] = [a, b].map((id) => {
    const found = experiments.find((experiment) => experiment.id === id);
    const ids = experiments.map((experiment) => experiment.id);
    if (found === undefined)
      throw new SwpError({
        kind: 'usage',
        message: `There is no experiment "${id}" in profile "${project.study.profile.name}".`,
        expected: `one of ${ids.join(', ')}`,
        suggestion: nearestName(id, ids),
      });
    return found;
  }) as [(typeof experiments)[number], (typeof experiments)[number]];
  const seed = options.seed ?? first.seeds.find((each) => second.seeds.includes(each));
  if (seed === undefined || ![first, second].every(({ seeds }) => seeds.includes(seed)))
    throw new SwpError({
      kind: 'usage',
      message: `${a} and ${b} have no ${seed === undefined ? 'seed in common' : `seed ${seed} both`}.`,
      expected: `a seed of ${a} (${first.seeds.join(', ')}) and of ${b} (${second.seeds.join(', ')})`,
    });

  const planned = await planProject(project);
  const order = new Map(steps.map(({ name }, index) => [name, index]));
  const pairs = pairUp([...planned.nodes.values()], a, b, seed).sort(
    (x, y) => x.round - y.round || order.get(x.step)! - order.get(y.step)!,
  );
  const parameters = new Map<
    string,
    { stage: string; path: string; before: unknown; after: unknown; rounds: number[] }
  >();
  for (const { a: one, b: other, round, stage } of pairs) {
    if (one === undefined || other === undefined) continue;
    for (const { path, before, after } of differences(one.node.params, other.node.params)) {
      const identity = JSON.stringify([stage, path, before, after]);
      const entry = parameters.get(identity) ?? {
        stage,
        path,
        before: before ?? null,
        after: after ?? null,
        rounds: [],
      };
      if (!entry.rounds.includes(round)) entry.rounds.push(round);
      parameters.set(identity, entry);
    }
  }
  const parting = pairs.find(({ a: one, b: other }) => one?.node.key !== other?.node.key);
  const comparison = {
    experiments: [a, b],
    seed,
    shared: pairs.filter(({ a: one, b: other }) => one !== undefined && one.node.key === other?.node.key).length,
    nodes: [pairs.filter((pair) => pair.a).length, pairs.filter((pair) => pair.b).length],
    partsAt: parting === undefined ? null : { step: parting.step, round: parting.round },
    parameters: [...parameters.values()],
    metrics: pairs
      .filter(
        ({ a: one, b: other }) =>
          one?.state === 'cached' && other?.state === 'cached' && one.node.key !== other.node.key,
      )
      .map(({ step, round, a: one, b: other }) => ({
        step,
        round,
        a: one!.record!.metrics,
        b: other!.record!.metrics,
      })),
  };
  const terminal = openTerminal();
  if (options.json) terminal.line(JSON.stringify(comparison));
  else await writeComparison(comparison, terminal);
}

function pairUp(nodes: PlannedState[], a: string, b: string, seed: number): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const planned of nodes)
    for (const { experiment, seed: ofNode, round, step } of planned.node.labels) {
      if (ofNode !== seed || (experiment !== a && experiment !== b)) continue;
      const pair = pairs.get(`${round} ${step}`) ?? { step, round, stage: planned.node.stage.name };
      pairs.set(`${round} ${step}`, {
        ...pair,
        ...(experiment === a && { a: planned }),
        ...(experiment === b && { b: planned }),
      });
    }
  return [...pairs.values()];
}

interface Comparison {
  experiments: string[];
  seed: number;
  shared: number;
  nodes: number[];
  partsAt: { step: string; round: number } | null;
  parameters: { stage: string; path: string; before: unknown; after: unknown; rounds: number[] }[];
  metrics: { step: string; round: number; a: Record<string, unknown>; b: Record<string, unknown> }[];
}

async function writeComparison(
  { experiments, seed, shared, nodes, partsAt, parameters, metrics }: Comparison,
  terminal: Terminal,
): Promise<void> {
  const [{ table }, { numberText }] = await Promise.all([import('../table.ts'), import('../run-text.ts')]);
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
            numberText(one[name] as number),
            numberText(other[name] as number),
          ],
        ];
  });
  if (shown.length === 0) return;
  terminal.line();
  for (const line of table(['node', 'metric', a, b], shown, colors)) terminal.line(line);
}
