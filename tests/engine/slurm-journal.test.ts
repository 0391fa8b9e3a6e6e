/** What a job tells, and what whoever follows it hears, while it is written. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { Journal, JournalReader } from '../../src/engine/executors/slurm/journal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'swp-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = (line: string): SwpEvent => ({ event: 'node-log', key: 'k', line });

describe("a job's journal", () => {
  it('is read as it is written, over all times that the job was started', () => {
    const reader = new JournalReader(folder, 3);
    expect(reader.next()).toEqual([]);
    const first = Journal.begin(folder, 3);
    first.write(log('one'));
    expect(reader.next()).toEqual([log('one')]);
    first.write(log('two'));
    first.close();
    const second = Journal.begin(folder, 3);
    second.write(log('three'));
    expect(reader.next()).toEqual([log('two'), log('three')]);
    expect(reader.next()).toEqual([]);
    second.close();
    expect(new JournalReader(folder, 3).next()).toHaveLength(3);
    expect(new JournalReader(folder, 4).next()).toEqual([]);
  });

  it('leaves out most of the progress, but not that a node is done', () => {
    const journal = Journal.begin(folder, 0);
    const progress = (done: number): SwpEvent => ({ event: 'node-progress', key: 'k', progress: { done, total: 500 } });
    for (let done = 1; done <= 500; done++) journal.write(progress(done));
    journal.close();
    const read = new JournalReader(folder, 0).next();
    expect(read.length).toBeLessThan(100);
    expect(read.at(-1)).toEqual(progress(500));
  });

  it('may be cut anywhere, and may hold anything: whole lines are read once, and others never', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify(log('good')))), { maxLength: 20 }),
        fc.array(fc.nat(40)),
        (lines, cuts) => {
          const own = mkdtempSync(join(folder, 'run-'));
          const text = lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join('');
          const reader = new JournalReader(own, 0);
          let [at, good] = [0, 0];
          for (const cut of [...cuts, text.length]) {
            appendFileSync(join(own, '0.0.jsonl'), Buffer.from(text).subarray(at, at + cut));
            at += cut;
            good += reader.next().filter((line) => line.event === 'node-log').length;
          }
          expect(good).toBe(lines.filter((line) => line === JSON.stringify(log('good'))).length);
        },
      ),
    );
  });

  it('is not written over what others have put in its place, and that is not read', () => {
    writeFileSync(join(folder, 'elsewhere'), `${JSON.stringify(log('from elsewhere'))}\n`);
    symlinkSync(join(folder, 'elsewhere'), join(folder, '0.0.jsonl'));
    const journal = Journal.begin(folder, 0);
    journal.write(log('own'));
    journal.close();
    expect(new JournalReader(folder, 0).next()).toEqual([log('own')]);
  });

  it('passes on no line of which swp writes a part otherwise', () => {
    const label = { experiment: 'A1', seed: 0, round: 1, step: 'train' };
    const failure = {
      kind: 'stage',
      stage: 'train',
      node: 'A1',
      message: 'no',
      cause: { kind: 'stopped', signal: 'S' },
    };
    const good = [
      { event: 'job-start', job: '1_0', host: 'n1', pid: 1, at: '' },
      { event: 'job-end', at: '', how: 'requeue', signal: 'SIGTERM', asks: true },
      { event: 'job-end', at: '', how: 'failed', failure },
      { event: 'node-start', key: 'k', label, worker: 0, resumedAt: 3, interrupted: true },
      { event: 'node-progress', key: 'k', progress: { done: 1, total: 2, unit: 'steps', values: { loss: 2 } } },
      { event: 'node-log', key: 'k', line: 'text' },
      { event: 'node-checkpoint', key: 'k', at: 3 },
      { event: 'node-end', key: 'k', outcome: 'failed', failure: { kind: 'several', failures: [failure], more: 0 } },
    ];
    const bad = good.flatMap(distorted);
    expect(bad.length).toBeGreaterThan(200);
    writeFileSync(join(folder, '0.0.jsonl'), [...good, ...bad].map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(new JournalReader(folder, 0).next()).toEqual(good);
  });

  it('lets nobody add lines of their own to what is said of a node', () => {
    const ended = { event: 'node-end', key: 'k', outcome: 'failed' };
    const failure = (node: string) => ({ kind: 'worker-died', stage: 'train', node, signal: 'SIGKILL' });
    writeFileSync(
      join(folder, '0.0.jsonl'),
      ['A1', 'A1\nerror: forged', 'A1\u001b[2J']
        .map((node) => `${JSON.stringify({ ...ended, failure: failure(node) })}\n`)
        .join(''),
    );
    expect(new JournalReader(folder, 0).next()).toEqual([{ ...ended, failure: failure('A1') }]);
  });

  it('does not end what reads it, however much stands in it, however deep, and whoever may read it', () => {
    writeFileSync(join(folder, '0.0.jsonl'), `${JSON.stringify(log(''))}\n`.repeat(200_000));
    expect(new JournalReader(folder, 0).next()).toHaveLength(200_000);
    writeFileSync(
      join(folder, '1.0.jsonl'),
      `{"event":"job-end","at":"","how":"failed","failure":${'['.repeat(1e5)}\n`,
    );
    expect(new JournalReader(folder, 1).next()).toEqual([]);
    mkdirSync(join(folder, '2.0.jsonl'));
    expect(new JournalReader(folder, 2).next()).toEqual([]);
  });
});

/** The same value with another one in place of each of its parts; what may be missing is not left out. */
function distorted(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) {
    const others = [null, {}, [], 'x', 7, '\u001b[2J', Infinity].filter((other) => typeof other !== typeof value);
    return typeof value === 'string' ? others.filter((other) => other !== Infinity) : [...others, 'constructor'];
  }
  if (Array.isArray(value)) return [{}, 'x', null, ...value.flatMap((each) => distorted(each).map((other) => [other]))];
  return Object.entries(value).flatMap(([name, part]) => distorted(part).map((other) => ({ ...value, [name]: other })));
}
