/** Which text of a worker's output belongs to a job, however the stream is cut. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputSplitter } from '../../src/engine/executors/local/output-splitter.ts';
import { endOfOutput } from '../../src/engine/executors/local/worker-message.ts';

it('passes all text on, without the mark, and resolves at the mark', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '\n', '\u0000', 'ä', '€', endOfOutput(1).slice(0, 5), endOfOutput(2)),
  });
  await fc.assert(
    fc.asyncProperty(text, text, fc.array(fc.nat(60), { maxLength: 20 }), async (before, after, cuts) => {
      let seen = '';
      const splitter = new OutputSplitter((passed) => void (seen += passed));
      const marked = splitter.until(endOfOutput(1));
      let rest = Buffer.from(before + endOfOutput(1) + after);
      for (const cut of cuts) {
        splitter.push(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      splitter.push(rest);
      splitter.end();
      await marked;
      expect(seen).toBe(before + after);
    }),
  );
});

it('holds nothing back but what may be the beginning of the mark', () => {
  let seen = '';
  const splitter = new OutputSplitter((passed) => void (seen += passed));
  void splitter.until(endOfOutput(1));
  splitter.push(Buffer.from('a line\n\u0000swp-'));
  expect(seen).toBe('a line\n');
  splitter.push(Buffer.from('no mark'));
  expect(seen).toBe('a line\n\u0000swp-no mark');
});
