/** What a job tells, and what whoever follows it hears, while it is written. */
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
});
