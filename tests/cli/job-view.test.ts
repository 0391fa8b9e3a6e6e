/** What a terminal shows of the jobs of a cluster during a run. */
import picocolors from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { openPlainView } from '../../src/cli/plain-view.ts';
import { drawRun } from '../../src/cli/run-drawing.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { JobState, SwpEvent } from '../../src/engine/event.ts';
import { RunState, type ClusterJob } from '../../src/project/run-state.ts';
import type { TimeLeft } from '../../src/project/time-left.ts';

const colors = picocolors.createColors(false);

function newState(now = () => 0): RunState {
  const timeLeft = { start() {}, progress() {}, finish() {}, left: () => ({ seconds: 75, untimed: [] }) };
  return new RunState(timeLeft as unknown as TimeLeft, now);
}

const job = (index: number, state: JobState, more: Partial<ClusterJob> = {}): ClusterJob => ({
  event: 'job',
  id: `123_${index}`,
  bundle: `A1/s${index}`,
  state,
  ...more,
});

const label = (seed: number) => ({ experiment: 'A1', seed, round: 2, step: 'train' });
const nodeStart = (index: number): SwpEvent => ({
  event: 'node-start',
  key: `k${index}`,
  stage: 'train',
  label: label(index),
  sharedBy: 1,
  reason: { kind: 'missing' },
  worker: index,
  job: `123_${index}`,
});
const progress = (index: number, done: number): SwpEvent => ({
  event: 'node-progress',
  key: `k${index}`,
  progress: { done, total: 300, unit: 'steps', values: { loss: 2.5 } },
});

/** Two jobs run, one of them has begun with a node; others wait, or have ended in every way. */
function followed(): RunState {
  let clock = 0;
  const state = newState(() => clock);
  state.apply({ event: 'plan', nodes: { total: 40, cached: 4, toRun: 36 }, stages: { train: 36 } });
  state.apply(job(0, 'running', { node: 'gpu-07' }));
  state.apply(job(1, 'running', { node: 'gpu-08' }));
  for (const index of [2, 3, 4]) state.apply(job(index, 'queued', { reason: 'Priority' }));
  state.apply(job(5, 'queued', { reason: 'Dependency' }));
  state.apply(job(6, 'done'));
  state.apply(job(7, 'out-of-memory'));
  state.apply(job(8, 'requeued'));
  state.apply(nodeStart(0));
  state.apply(progress(0, 50));
  clock = 2_000;
  state.apply(progress(0, 150));
  return state;
}

describe('the live view', () => {
  const drawn = (width: number, rows = 24) => drawRun(followed(), [], { width, rows, colors });

  test('shows the job and the machine of what runs, and how many jobs are in which state', () => {
    expect(drawn(120).join('\n')).toMatchInlineSnapshot(`
      " 123_0  A1 seed 0 round 2 train  ████████████░░░░░░░░░░░░  150/300  50 steps/s  on gpu-07  loss 2.500
       123_1  A1/s1 on gpu-08
       jobs: 4 queued (3 Priority, 1 Dependency), 1 queued again, 2 running, 1 done, 1 out of memory
       ██▍░░░░░░░░░░░░░░░░░░░░░  4/40 nodes: 4 cached; about 1 min 15 s left"
    `);
  });

  test('says in 40 columns what matters', () => {
    expect(drawn(40).join('\n')).toMatchInlineSnapshot(`
      " 123_0  A1/s0/r2/train  ███░░░  150/300
       123_1  A1/s1 on gpu-08
       jobs: 4 queued, 1 queued again, 2
       running, 1 done, 1 out of memory
       █▎░░░░░░░░░░  4/40; 1 min 15 s left"
    `);
  });

  test('never draws a line as wide as the terminal, nor more lines than it has rows', () => {
    for (let width = 2; width < 130; width++)
      for (const rows of [6, 24]) {
        const lines = drawn(width, rows);
        expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThan(width);
        if (width >= 40) expect(lines.length).toBeLessThan(rows);
      }
  });

  test('has no line about jobs where there are none', () => {
    const state = newState();
    state.apply({ event: 'plan', nodes: { total: 1, cached: 0, toRun: 1 }, stages: { train: 1 } });
    expect(drawRun(state, [], { width: 80, rows: 24, colors }).join('\n')).not.toContain('job');
  });
});

describe('plain lines', () => {
  function open() {
    const lines: string[] = [];
    const nothing = () => undefined;
    const terminal: Terminal = {
      ...{ interactive: false, width: 80, rows: 24, colors },
      ...{ lines: nothing, errorLines: nothing, content: nothing, errorLine: nothing },
      line: (text = '') => void lines.push(text),
    };
    return { lines, view: openPlainView({ terminal, state: newState(), verbose: false, now: () => 0 }) };
  }

  test('tell each change of a job, and jobs that are queued together in one line', () => {
    const { lines, view } = open();
    for (const index of [0, 1, 2]) view.emit(job(index, 'queued', { reason: 'Priority' }));
    view.emit(job(3, 'queued', { reason: 'Dependency' }));
    view.emit(job(0, 'running', { node: 'n1' }));
    view.emit(job(0, 'done'));
    view.emit(job(1, 'failed', { node: 'n2', reason: 'exit code 1', log: '/cache/1.log' }));
    view.emit(job(2, 'requeued', { reason: 'NODE_FAIL' }));
    view.emit(job(2, 'node-failure', { node: 'n2' }));
    view.emit(job(3, 'out-of-memory'));
    view.emit(job(4, 'time-limit', { node: 'n1' }));
    view.emit(job(5, 'cancelled'));
    view.emit(job(6, 'lost'));
    expect(lines).toEqual([
      '4 jobs queued (3 Priority, 1 Dependency).',
      'job 123_0: A1/s0 runs on n1.',
      'job 123_0: A1/s0 is done.',
      'job 123_1: A1/s1 failed on n2 (exit code 1); its log: /cache/1.log.',
      'job 123_2: A1/s2 is queued again (NODE_FAIL).',
      'job 123_2: A1/s2 has lost its machine n2.',
      'job 123_3: A1/s3 ran out of memory.',
      'job 123_4: A1/s4 reached its time limit on n1.',
      'job 123_5: A1/s5 was cancelled.',
      'job 123_6: A1/s6 is not known any more, and left no word.',
    ]);
  });

  test('come also where nothing follows', async () => {
    const { lines, view } = open();
    view.emit(job(0, 'queued'));
    await new Promise(setImmediate);
    expect(lines).toEqual(['1 job queued.']);
    view.emit(job(1, 'queued', { reason: 'Resources' }));
    view.close();
    expect(lines).toEqual(['1 job queued.', '1 job queued (Resources).']);
  });

  test('do not tell every reason for which a job still waits, but one that has to be known', () => {
    const { lines, view } = open();
    for (const reason of ['Priority', 'Resources', 'Priority', 'AssocGrpGRES', 'AssocGrpGRES'])
      view.emit(job(0, 'queued', { reason }));
    view.close();
    expect(lines).toEqual(['1 job queued (AssocGrpGRES).']);
  });
});
