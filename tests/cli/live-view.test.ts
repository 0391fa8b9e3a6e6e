/** The live view on a terminal that is resized: the terminal is xterm.js, which wraps lines anew as most others do. */
import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openLiveView } from '../../src/cli/live-view.ts';
import { createStyles } from '../../src/cli/styles.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { NodeLabel } from '../../src/engine/stage.ts';
import { RunState } from '../../src/project/run-state.ts';
import type { TimeLeft } from '../../src/project/time-left.ts';

const ROWS = 40;
const NODES = 6;

/** A terminal of so many columns, and the stream of a process that writes to it. */
class Emulated extends EventEmitter {
  readonly screen: InstanceType<typeof xterm.Terminal>;
  readonly isTTY = true;
  readonly rows = ROWS;
  columns: number;

  constructor(columns: number) {
    super();
    this.columns = columns;
    this.screen = new xterm.Terminal({ cols: columns, rows: ROWS, allowProposedApi: true, convertEol: true });
  }

  write(text: string): boolean {
    this.screen.write(text);
    return true;
  }

  /** Resizes it as a window manager does: first the terminal wraps its lines anew, then the process hears of it. */
  async resize(columns: number): Promise<void> {
    await this.drawn();
    this.screen.resize(columns, ROWS);
    this.columns = columns;
    this.emit('resize');
    await this.drawn();
  }

  drawn(): Promise<void> {
    return new Promise((resolve) => this.screen.write('', resolve));
  }

  /** Lines as they were written, however they are wrapped. */
  lines(): string[] {
    const { active } = this.screen.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      const text = line.translateToString(true);
      if (line.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }
}

const label = (index: number): NodeLabel => ({ experiment: 'magnitude-ladder', seed: index, round: 3, step: 'train' });

function openEmptyOn(stream: Emulated) {
  const state = new RunState({
    start: () => undefined,
    progress: () => undefined,
    finish: () => undefined,
    left: () => ({ seconds: 75, untimed: [] }),
  } as unknown as TimeLeft);
  const terminal: Terminal = {
    interactive: true,
    get width() {
      return stream.columns;
    },
    rows: ROWS,
    colors: createStyles(true),
    line: () => undefined,
    lines: () => undefined,
    errorLines: () => undefined,
    content: () => undefined,
    errorLine: () => undefined,
  };
  return openLiveView({
    terminal,
    state,
    verbose: true,
    stream: stream as unknown as NodeJS.WriteStream,
    env: { TERM: 'xterm-256color' },
  });
}

function openOn(stream: Emulated) {
  const view = openEmptyOn(stream);
  view.emit({ event: 'plan', nodes: { total: NODES, cached: 0, toRun: NODES }, stages: { train: NODES } });
  for (let index = 0; index < NODES; index++)
    view.emit({
      event: 'node-start',
      key: `t${index}`,
      stage: 'train',
      label: label(index),
      sharedBy: 1,
      reason: { kind: 'missing' },
      worker: index,
    });
  return view;
}

test('leaves nothing behind, however it is resized', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 20, max: 140 }),
      fc.array(fc.integer({ min: 20, max: 140 }), { minLength: 1, maxLength: NODES }),
      async (first, widths) => {
        const stream = new Emulated(first);
        stream.write('$ swp repro\n');
        const view = openOn(stream);
        for (const [index, width] of widths.entries()) {
          await stream.resize(width);
          const bars = stream.lines().filter((line) => line.includes('magnitude') && !line.startsWith('ran'));
          expect(bars.length).toBeLessThanOrEqual(NODES - index);
          view.emit({
            event: 'node-end',
            key: `t${index}`,
            stage: 'train',
            label: label(index),
            outcome: 'ran',
            seconds: 1,
          });
        }
        view.close();
        await stream.drawn();
        expect(stream.lines()).toEqual([
          '$ swp repro',
          ...widths.map((_, index) => `ran    magnitude-ladder seed ${index} round 3 train  1.0 s`),
        ]);
      },
    ),
    { numRuns: 40 },
  );
});

test.each([20, 80])('says that it plans until there is a plan, in %i columns', async (columns) => {
  const stream = new Emulated(columns);
  const view = openEmptyOn(stream);
  await stream.drawn();
  expect(stream.lines().join('\n')).toContain('planning');
  expect(stream.lines().join('\n')).not.toContain('0/0');
  view.close();
});

test('keeps a line about each job of a cluster that came to nothing', async () => {
  const stream = new Emulated(80);
  const view = openEmptyOn(stream);
  view.emit({ event: 'job', id: '12_0', bundle: 'A1/s0', state: 'running', node: 'n1' });
  view.emit({ event: 'job', id: '12_0', bundle: 'A1/s0', state: 'out-of-memory', node: 'n1' });
  view.emit({ event: 'job', id: '12_1', bundle: 'A1/s1', state: 'done' });
  view.close();
  await stream.drawn();
  expect(stream.lines()).toEqual(['job 12_0: A1/s0 ran out of memory on n1']);
});
