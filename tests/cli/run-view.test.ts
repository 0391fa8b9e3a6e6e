/** What a terminal shows during a run: the time left, and the live view. */
import picocolors from 'picocolors';
import { describe, expect, test } from 'vitest';
import type { PlannedNode } from '../../src/engine/node.ts';
import type { Plan, PlannedState } from '../../src/engine/plan.ts';
import { drawRun, progressBar } from '../../src/cli/live-view.ts';
import { openPlainView } from '../../src/cli/plain-view.ts';
import type { StageDefinition } from '../../src/engine/stage.ts';
import type { StateSource } from '../../src/engine/trajectory.ts';
import { Measurements } from '../../src/estimate/measurements.ts';
import { workloadOf } from '../../src/estimate/workload.ts';
import { RunState } from '../../src/project/run-state.ts';
import { TimeLeft } from '../../src/project/time-left.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { toyStages } from '../support/toy-stages.ts';

const training: StageDefinition = {
  ...toyStages.train!,
  work: ({ steps }) => ({ unit: 'steps', count: Number(steps), alike: null }),
};

/** Of a machine that was never measured. */
async function timeLeft(plan: Plan, jobs: number, targets?: string[]): Promise<TimeLeft> {
  const workload = await workloadOf(plan, {
    wanted: { targets },
    cache: {} as StateSource,
    countingRecord: () => Promise.resolve(undefined),
  });
  const measurements = new Measurements(null, new Map([['train', training]]));
  return new TimeLeft({ workload, measurements, samples: {} }, jobs);
}

/** A chain of trainings, each of which continues the one before. */
function chain(...steps: number[]): Plan {
  const nodes = new Map<string, PlannedState>();
  for (const [index, count] of steps.entries()) {
    const label = { experiment: 'A1', seed: 0, round: index + 1, step: 'train' };
    const inputs: PlannedNode['inputs'] = index === 0 ? {} : { weights: { key: `t${index - 1}`, artifact: 'weights' } };
    const node = {
      key: `t${index}`,
      stage: training,
      params: { steps: count },
      inputs,
      gathers: {},
      files: [],
      labels: [label],
      preimage: {},
    };
    nodes.set(node.key, { node, state: 'missing', reason: { kind: 'missing' } });
  }
  return { nodes, warnings: [] };
}

const start = (key: string, round: number) =>
  ({
    event: 'node-start',
    key,
    stage: 'train',
    label: { experiment: 'A1', seed: 0, round, step: 'train' },
    sharedBy: 1,
    reason: { kind: 'missing' },
    worker: 0,
  }) as const;
const end = (key: string, round: number, seconds: number) =>
  ({
    event: 'node-end',
    key,
    stage: 'train',
    label: { experiment: 'A1', seed: 0, round, step: 'train' },
    outcome: 'ran',
    seconds,
  }) as const;

describe('the time left', () => {
  test('is unknown before anything was measured, then goes by steps', async () => {
    const left = await timeLeft(chain(100, 300, 50), 1);
    expect(left.seconds()).toBeUndefined();
    left.finish('t0', 2);
    expect(left.seconds()).toBeCloseTo(7); // 350 steps at 50 a second
    left.progress('t1', 0.5, 3);
    expect(left.seconds()).toBeCloseTo(4);
    left.finish('t1', 6);
    left.finish('t2', 1);
    expect(left.seconds()).toBe(0);
  });

  test('counts what the run was asked for, and not the rest of the study', async () => {
    const plan = chain(100, 300, 50);
    const left = await timeLeft(plan, 1, ['t0', 't1']);
    left.finish('t0', 2);
    expect(left.seconds()).toBeCloseTo(6);
  });

  test('goes by the part that a first long node has done', async () => {
    const left = await timeLeft(chain(100, 300, 50), 1);
    left.progress('t0', 0.25, 1);
    expect(left.seconds()).toBeCloseTo(17); // 425 steps left at 25 a second
  });

  test('does not take for its own what an earlier run had done', async () => {
    const left = await timeLeft(chain(100, 300), 1);
    left.progress('t0', 0.75, 1, 0.5);
    expect(left.seconds()).toBeCloseTo(13); // 325 steps left at 25 a second
    left.finish('t0', 2);
    expect(left.seconds()).toBeCloseTo(12);
  });

  test('of a chain is not shortened by more jobs', async () => {
    const left = await timeLeft(chain(100, 300, 50), 8);
    left.finish('t0', 2);
    expect(left.seconds()).toBeCloseTo(7);
  });
});

describe('the live view', () => {
  test('shows a bar per running node and one for the whole', async () => {
    let clock = 0;
    const state = new RunState(await timeLeft(chain(100, 300), 1), () => clock);
    state.apply({ event: 'plan', nodes: { total: 4, cached: 2, toRun: 2 }, stages: { train: 2 } });
    state.apply(start('t0', 1));
    state.apply(end('t0', 1, 2));
    state.apply(start('t1', 2));
    state.apply({ event: 'node-progress', key: 't1', progress: { done: 50, total: 300, values: { loss: 2.5 } } });
    clock = 2_000;
    state.apply({ event: 'node-progress', key: 't1', progress: { done: 150, total: 300, values: { loss: 2.25 } } });
    expect(drawRun(state, [], { width: 100, rows: 24, colors: picocolors.createColors(false) })).toEqual([
      ' A1 seed 0 round 2 train  ████████████░░░░░░░░░░░░  150/300  50 steps/s  loss 2.250',
      ' ██████████████████░░░░░░  3/4 nodes: 2 cached, 1 ran; about 2.5 s left',
    ]);
    expect(
      drawRun(state, [], { width: 40, rows: 24, colors: picocolors.createColors(true) }).every(
        (line) => line.length < 40,
      ),
    ).toBe(true);
  });

  test('computes the time left seldom where that takes long', () => {
    let [clock, times] = [0, 0];
    const slow = {
      seconds: () => {
        clock += 3_000;
        return ++times;
      },
    } as unknown as TimeLeft;
    const state = new RunState(slow, () => clock);
    for (; clock < 1_000_000; clock += 100) state.secondsLeft();
    expect(times).toBe(7); // 3 of 153 seconds
  });

  test('a bar moves in eighths of a sign', async () => {
    expect([0, 1 / 16, 0.5, 1, 7].map((share) => progressBar(share, 2))).toEqual(['░░', '▏░', '█░', '██', '██']);
  });
});

describe('plain lines', () => {
  test('tell the plan, failures at once, and how far it is every few seconds', async () => {
    let clock = 0;
    const lines: string[] = [];
    const terminal: Terminal = {
      interactive: false,
      width: 80,
      rows: 24,
      colors: picocolors.createColors(false),
      line: (text = '') => void lines.push(text),
      errorLine: () => undefined,
    };
    const view = openPlainView({
      terminal,
      state: new RunState(await timeLeft(chain(100, 100, 100), 1), () => clock),
      verbose: false,
      now: () => clock,
    });
    view.emit({ event: 'plan', nodes: { total: 3, cached: 0, toRun: 3 }, stages: { train: 3 } });
    view.emit(start('t0', 1));
    clock = 4_000;
    view.emit(end('t0', 1, 4));
    view.emit({ ...start('t1', 2), resumedAt: 20, interrupted: true });
    clock = 6_000;
    view.emit({ event: 'node-progress', key: 't1', progress: { done: 70, total: 100 } });
    view.emit({
      ...end('t1', 2, 3),
      outcome: 'failed',
      failure: { kind: 'stage', stage: 'train', node: 'A1/s0/r2/train', message: 'no luck' },
    });
    expect(lines).toEqual([
      '3 nodes: 0 cached, 3 to run (3 train).',
      'A1 seed 0 round 2 train: goes on from 20; what comes before was computed already.',
      '1/3 nodes: 1 ran; about 5.2 s left; now A1 seed 0 round 2 train',
      'failed A1 seed 0 round 2 train',
    ]);
  });
});
