/** swp repro, on the real command line. */
import { describe, expect, test } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { SwpProject, type SwpResult } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

type Summary = Extract<SwpEvent, { event: 'summary' }>;

function summaryOf(result: SwpResult): Summary {
  const last = result.json<SwpEvent>().at(-1);
  if (last?.event !== 'summary') throw new Error(`No summary:\n${result.stdout}\n${result.stderr}`);
  return last;
}

/** Places of the nodes that ran. */
function ranIn(result: SwpResult): string[] {
  return result
    .json<SwpEvent>()
    .flatMap((event) => (event.event === 'node-end' && event.outcome === 'ran' ? [event.label] : []))
    .map(({ experiment, round, step }) => `${experiment} ${round} ${step}`)
    .sort();
}

describe('swp repro', () => {
  test('does what is missing, then nothing; after a change only what follows from it', async () => {
    const study = tinyStudy();
    const project = await SwpProject.create(study);

    const first = await project.swp('repro', '--json', '--jobs', '2');
    expect(first.stderr).toBe('');
    expect(first.exitCode).toBe(0);
    expect(first.json()[0]).toMatchObject({ event: 'plan', nodes: { total: 10, cached: 0, toRun: 10 } });
    expect(summaryOf(first).nodes).toEqual({ total: 10, cached: 0, ran: 10, failed: 0, blocked: 0 });

    const second = await project.swp('repro', '--json');
    expect(summaryOf(second).nodes).toEqual({ total: 10, cached: 10, ran: 0, failed: 0, blocked: 0 });

    study.experiments.A1 = { params: { prune: { fraction: 0.3 } } };
    await project.write('pipeline.json', study);
    const planned = await project.swp('repro', '--dry-run');
    expect(planned.stdout).toContain('Would run 3 nodes of 10; 7 are cached. Nothing was done.');
    expect(planned.stdout).toMatch(/^prune +1 +its recipe changed$/m);
    const third = await project.swp('repro', '--json');
    expect(ranIn(third)).toEqual(['A1 1 prune', 'A1 2 eval', 'A1 2 train']);
    expect(summaryOf(third).nodes).toMatchObject({ total: 10, cached: 7, ran: 3 });
  });

  test('a damaged record is a warning, once, and costs its node alone', async () => {
    const project = await SwpProject.create(tinyStudy());
    await project.swp('repro', '--json', 'experiment=A1', 'stage=prune');
    const [{ key } = { key: '' }] = (await project.swp('show', 'experiment=A1', 'stage=prune', '--json')).json<{
      key: string;
    }>();
    const record = project.path('cache/records', key.slice(0, 2), `${key}.json`);
    await project.write(record.slice(project.root.length + 1), '{');
    const { stderr, exitCode } = await project.swp('repro', 'experiment=A1', 'stage=prune');
    expect(stderr.match(/warning: .+\.json: The file is no JSON/g)).toHaveLength(1);
    expect(stderr).not.toContain('error:');
    expect(exitCode).toBe(0);
  });

  test('of a selector does those nodes and what they need', async () => {
    const project = await SwpProject.create(tinyStudy());
    const result = await project.swp('repro', '--json', 'experiment=A2', 'step=prune');
    expect(ranIn(result)).toEqual(['A1 0 init', 'A1 0 load', 'A1 1 train', 'A2 1 prune']);
  });

  test('a node that fails stops only what needs it; the end says what failed, why, and where its log is', async () => {
    const study = tinyStudy();
    study.experiments.A2 = { params: { train: { learningRate: 1e6, steps: 8 } } };
    const project = await SwpProject.create(study);
    const result = await project.swp('repro');
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toMatch(
      /error: A2\/s0\/r1\/train \(train\): The .* became (NaN|Infinity) at step \d\.\n {2}The training has diverged, .*\n {2}Log: .+\.log\n/,
    );
    expect(result.stdout).toMatch(/^12 nodes: 0 cached, 7 ran, 1 failed, 4 not run in /m);
    expect(result.stdout).not.toContain('    at ');
    const states = (await project.swp('status', '--json'))
      .json<{ nodes: { state: string }[] }>()[0]!
      .nodes.map(({ state }) => state);
    expect(states.filter((state) => state === 'cached')).toHaveLength(7);
  });

  test('Ctrl-C stops it; a second one is harmless; the next repro continues', async () => {
    const study = tinyStudy();
    study.experiments = { A1: { params: { train: { steps: 1_000_000 } } } };
    const project = await SwpProject.create(study);
    const running = project.start('repro', '--json', '--jobs', '1');
    for await (const line of running) {
      if ((JSON.parse(line) as SwpEvent).event !== 'node-progress') continue;
      running.kill('SIGINT');
    }
    const { exitCode, stderr } = await running;
    expect(exitCode).toBe(130);
    expect(stderr).toBe('Stopping. What is done is kept; `swp repro` continues.');

    study.experiments = { A1: {} };
    await project.write('pipeline.json', study);
    const next = await project.swp('repro', '--json');
    expect(ranIn(next)).not.toContain('A1 0 init'); // it was done before the stop
    expect(summaryOf(next).nodes).toMatchObject({ total: 7, cached: 2, ran: 5 });
  });

  test('keeps results where --cache or SWP_CACHE says, for any study', async () => {
    const project = await SwpProject.create(tinyStudy());
    const other = await SwpProject.create({ ...tinyStudy(), name: 'other' });
    await project.swp('repro', '--json', 'stage=init', '--cache', project.path('elsewhere'));
    const result = await other.swp('repro', '--json', 'stage=init', '--cache', project.path('elsewhere'));
    expect(summaryOf(result).nodes).toMatchObject({ cached: 1, ran: 0 });
  });
});
