/** What a terminal shows during a run: the time left, and the live view. */
import { hostname } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import type { PlannedNode } from '../../src/engine/node.ts';
import type { Plan, PlannedState } from '../../src/engine/plan.ts';
import { drawRun, progressBar } from '../../src/cli/run-drawing.ts';
import { openPlainView } from '../../src/cli/plain-view.ts';
import { holderText } from '../../src/cli/run-text.ts';
import { createStyles } from '../../src/cli/styles.ts';
import type { StageDefinition } from '../../src/engine/stage.ts';
import type { StateSource } from '../../src/engine/trajectory.ts';
import { KeyedParams } from '../../src/engine/keyed-params.ts';
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

const evaluation: StageDefinition = { ...training, name: 'eval' };

/** Of a machine that was never measured. */
async function timeLeft(plan: Plan, jobs: number, targets?: string[]): Promise<TimeLeft> {
  const workload = await workloadOf(plan, {
    root: '/study',
    wanted: { targets },
    cache: {} as StateSource,
    countingRecord: () => Promise.resolve(undefined),
  });
  const measurements = new Measurements(null, new Map([['train', training]]), {
    root: '/study',
    keyed: new KeyedParams([]),
  });
  return new TimeLeft({ workload, measurements, samples: {} }, jobs);
}

/** A chain of trainings, each of which continues the one before. */
function chain(...steps: number[]): Plan {
  return chainOf(
    steps.map(() => training),
    steps,
  );
}

function chainOf(stages: StageDefinition[], steps: number[] = stages.map(() => 1)): Plan {
  const nodes = new Map<string, PlannedState>();
  for (const [index, stage] of stages.entries()) {
    const label = { experiment: 'A1', seed: 0, round: index + 1, step: stage.name };
    const inputs: PlannedNode['inputs'] = index === 0 ? {} : { weights: { key: `t${index - 1}`, artifact: 'weights' } };
    const node = {
      key: `t${index}`,
      stage,
      params: { steps: steps[index]! },
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
  test('is unknown before anything was timed, then goes by steps', async () => {
    const left = await timeLeft(chain(100, 300, 50), 1);
    expect(left.left()).toBeUndefined();
    left.finish('t0', 2);
    expect(left.left()!.seconds).toBeCloseTo(7); // 350 steps at 50 a second
    left.progress('t1', { share: 0.5, timed: { share: 0.5, seconds: 3 } });
    expect(left.left()!.seconds).toBeCloseTo(4);
    left.finish('t1', 6);
    left.finish('t2', 1);
    expect(left.left()!.seconds).toBe(0);
  });

  test('counts what the run was asked for, and not the rest of the study', async () => {
    const plan = chain(100, 300, 50);
    const left = await timeLeft(plan, 1, ['t0', 't1']);
    left.finish('t0', 2);
    expect(left.left()!.seconds).toBeCloseTo(6);
  });

  test('goes by the part that a first long node has done, once that took long enough to tell', async () => {
    const left = await timeLeft(chain(100, 300, 50), 1);
    left.progress('t0', { share: 0.01, timed: { share: 0.01, seconds: 0.3 } });
    expect(left.left()).toBeUndefined();
    left.progress('t0', { share: 0.25, timed: { share: 0.2, seconds: 0.8 } });
    expect(left.left()!.seconds).toBeCloseTo(17); // 425 steps left at 25 a second
  });

  test('does not take for its own what an earlier run had done', async () => {
    const left = await timeLeft(chain(100, 300), 1);
    left.progress('t0', { share: 0.75, resumedAt: 0.5, timed: { share: 0.25, seconds: 1 } });
    expect(left.left()!.seconds).toBeCloseTo(13); // 325 steps left at 25 a second
    left.finish('t0', 2);
    expect(left.left()!.seconds).toBeCloseTo(12);
  });

  test('does not take what a worker loads with its first node for the pace of the others', async () => {
    const left = await timeLeft(chain(50, 50, 50, 50), 1);
    left.start('t0', 0);
    left.finish('t0', 9);
    expect(left.left()).toBeUndefined();
    left.start('t1', 0);
    left.finish('t1', 1);
    expect(left.left()!.seconds).toBeCloseTo(2);
  });

  test('takes the pace of a worker’s first node from its progress', async () => {
    const left = await timeLeft(chain(50, 50, 50), 1);
    left.start('t0', 0);
    left.progress('t0', { share: 0.5, timed: { share: 0.4, seconds: 1 } });
    left.finish('t0', 9);
    expect(left.left()!.seconds).toBeCloseTo(5);
  });

  test('is a lower bound as long as stages with many nodes were not timed', async () => {
    const left = await timeLeft(chain(...Array.from({ length: 50 }, () => 1)), 1);
    const others = await timeLeft(
      chainOf([...Array.from({ length: 40 }, () => training), ...Array.from({ length: 30 }, () => evaluation)]),
      1,
    );
    left.finish('t0', 1);
    expect(left.left()).toEqual({ seconds: 49, untimed: [] });
    others.finish('t0', 1);
    expect(others.left()).toEqual({ seconds: 39, untimed: ['eval'] });
    others.finish('t40', 1);
    expect(others.left()).toEqual({ seconds: 39 + 29, untimed: [] });
  });

  test('of a chain is not shortened by more jobs', async () => {
    const left = await timeLeft(chain(100, 300, 50), 8);
    left.finish('t0', 2);
    expect(left.left()!.seconds).toBeCloseTo(7);
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
    state.apply({
      event: 'node-progress',
      key: 't1',
      progress: { done: 50, total: 300, unit: 'steps', values: { loss: 2.5 } },
    });
    clock = 2_000;
    state.apply({
      event: 'node-progress',
      key: 't1',
      progress: { done: 150, total: 300, unit: 'steps', values: { loss: 2.25 } },
    });
    expect(drawRun(state, [], { width: 100, rows: 24, colors: picocolors.createColors(false) })).toEqual([
      ' A1 seed 0 round 2 train  ████████████░░░░░░░░░░░░  150/300  50 steps/s  loss 2.250',
      ' ██████████████████░░░░░░  3/4 nodes: 2 cached, 1 ran; about 3.0 s left',
    ]);
  });

  test('says what a training counts, and of what else how much a second, also where that is less than one', async () => {
    let clock = 0;
    const state = new RunState(await timeLeft(chain(100), 1), () => clock);
    state.apply({ event: 'plan', nodes: { total: 1, cached: 0, toRun: 1 }, stages: { train: 1 } });
    state.apply(start('t0', 1));
    state.apply({ event: 'node-progress', key: 't0', progress: { done: 1, total: 8 } });
    clock = 4_000;
    state.apply({ event: 'node-progress', key: 't0', progress: { done: 3, total: 8 } });
    const [line] = drawRun(state, [], { width: 100, rows: 24, colors: picocolors.createColors(false) });
    expect(line).toMatch(/3\/8 {2}0\.5\/s$/);
  });

  test('says on a narrow terminal which node, how far, what failed and how long', async () => {
    const state = await runningState();
    const drawn = (width: number) =>
      drawRun(state, [], { width, rows: 24, colors: picocolors.createColors(false) }).join('\n');
    expect(drawn(60)).toMatchInlineSnapshot(`
      " a-long-name-of-an-experiment/s0/r2/detect-pruned  150/300
       B1/s0/r2/detect-pruned  waits for ann on gpu-box
       ██████░░░░░░  3/6; 1 failed; 3.2 s left"
    `);
    expect(drawn(40)).toMatchInlineSnapshot(`
      " a-long-n…/s0/r2/detect-pruned  150/300
       B1/s0/r2/detect-pruned  waits for ann…
       ███░░░  3/6; 1 failed; 3.2 s left"
    `);
    expect(drawn(20)).toMatchInlineSnapshot(`
      " a-lo…uned  150/300
       B1/s0/r2/detect-p…
       3/6; 1 failed
       3.2 s left"
    `);
  });

  test('never draws a line as wide as the terminal, nor more lines than it has rows', async () => {
    const state = await runningState();
    const notes = ['Stopping. What is done is kept; `swp repro` continues.'];
    for (let width = 2; width < 130; width++) {
      for (const rows of [6, 24]) {
        const lines = drawRun(state, notes, { width, rows, colors: createStyles(true) });
        expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThan(width);
        if (width >= 40) expect(lines.length).toBeLessThan(rows);
        if (width < 20) continue;
        const text = lines.map((line) => stripVTControlCharacters(line)).join('\n');
        expect(text).toContain('1 failed');
        expect(text).toContain('3/6');
        expect(text.replaceAll(/\s+/g, ' ')).toMatch(/s left/);
        expect(text.replaceAll(/\s+/g, ' ')).toContain('is kept');
      }
    }
  });

  test('computes the time left seldom where that takes long', () => {
    const computedIn = (work: number, wait: number) => {
      let [clock, worked, times] = [0, 0, 0];
      const slow = {
        left: () => {
          clock += work + wait;
          worked += work;
          return { seconds: ++times, untimed: [] };
        },
      } as unknown as TimeLeft;
      const state = new RunState(
        slow,
        () => clock,
        () => worked,
      );
      for (; clock < 1_000_000; clock += 100) state.left();
      return times;
    };
    expect(computedIn(3_000, 0)).toBe(7); // 3 of 153 seconds
    expect(computedIn(1, 40_000)).toBeGreaterThan(20); // it waited for its turn: that is no reason to compute it less
  });

  test('a bar moves in eighths of a sign', async () => {
    expect([0, 1 / 16, 0.5, 1, 7].map((share) => progressBar(share, 2))).toEqual(['░░', '▏░', '█░', '██', '██']);
  });
});

/** One node is running, one failed, one waits for another process. */
async function runningState(): Promise<RunState> {
  let clock = 0;
  const state = new RunState(await timeLeft(chain(100, 300, 10, 10), 1), () => clock);
  state.apply({ event: 'plan', nodes: { total: 6, cached: 1, toRun: 4 }, stages: { train: 4 } });
  state.apply(start('t0', 1));
  state.apply(end('t0', 1, 2));
  state.apply({
    ...end('t3', 3, 2),
    outcome: 'failed',
    failure: { kind: 'stage', stage: 'train', node: 'A1/s0/r3/train', message: 'no luck' },
  });
  const label = { experiment: 'a-long-name-of-an-experiment', seed: 0, round: 2, step: 'detect-pruned' };
  state.apply({ ...start('t1', 2), label });
  state.apply({
    event: 'node-progress',
    key: 't1',
    progress: { done: 50, total: 300, unit: 'steps', values: { loss: 2.5 } },
  });
  const holder = { user: 'ann', host: 'gpu-box', pid: 4711, place: 'B1/s0/r4/train', since: '2026-01-01T00:00:00Z' };
  state.apply({ event: 'node-wait', key: 't2', stage: 'train', label: { ...label, experiment: 'B1' }, holder });
  clock = 2_000;
  state.apply({
    event: 'node-progress',
    key: 't1',
    progress: { done: 150, total: 300, unit: 'steps', values: { loss: 2.25 } },
  });
  return state;
}

test('who computes a node that is waited for: somebody, or this very run', () => {
  const ann = {
    user: 'ann',
    host: 'gpu-box',
    pid: process.pid,
    place: 'B1/s0/r4/train',
    since: '2026-01-01T00:00:00Z',
  };
  expect(holderText(ann)).toBe(`ann on gpu-box (process ${process.pid}) is computing it as B1/s0/r4/train`);
  expect(holderText({ ...ann, host: hostname() })).toBe('this run is computing it as B1/s0/r4/train');
});

describe('plain lines', () => {
  test('tell the plan, failures at once, and how far it is when nodes have ended, else once a minute', async () => {
    let clock = 0;
    const lines: string[] = [];
    const terminal: Terminal = {
      interactive: false,
      width: 80,
      rows: 24,
      colors: picocolors.createColors(false),
      line: (text = '') => void lines.push(text),
      lines: () => undefined,
      errorLines: () => undefined,
      content: () => undefined,
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
    view.emit(start('t2', 3));
    for (const seconds of [12, 20, 40, 71, 73]) {
      clock = seconds * 1_000;
      view.emit({ event: 'node-progress', key: 't2', progress: { done: seconds, total: 100 } });
    }
    expect(lines).toEqual([
      '3 nodes: 0 cached, 3 to run (3 train).',
      'A1 seed 0 round 2 train: goes on from 20; what comes before was computed already.',
      '1/3 nodes: 1 ran; measuring the time left; now A1 seed 0 round 2 train',
      'failed A1 seed 0 round 2 train',
      expect.stringMatching(/^2\/3 nodes: 1 ran, 1 failed; .*now A1 seed 0 round 3 train$/),
      expect.stringMatching(/^2\/3 nodes: 1 ran, 1 failed; .*now A1 seed 0 round 3 train$/),
    ]);
  });
});
