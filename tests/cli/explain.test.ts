/** The tool explains itself: what changed, what differs, what happened, and what was accepted as equivalent. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differences, type Difference } from '../../src/base/json-diff.ts';
import type { JsonValue } from '../../src/base/json.ts';
import { Checkout } from '../support/checkout.ts';

let checkout: Checkout;
beforeAll(async () => {
  checkout = await Checkout.create();
});
afterAll(() => checkout.remove());
const swp = async (...args: string[]) => {
  const { stdout, stderr, exitCode } = await checkout.swp(...args);
  return { stdout, stderr, exitCode };
};

/** Two stages in a row; `word` is in the code of the first one. */
const write = (word: string) => `
  import { readFile, writeFile } from 'node:fs/promises';
  import { defineStage } from '../src/engine/stage.ts';
  export default defineStage<{ times: number; fail: boolean }>({
    name: 'write', summary: 'Writes a word.',
    params: { type: 'object', additionalProperties: false, properties: { times: { type: 'integer', default: 1 }, fail: { type: 'boolean', default: false } } },
    inputs: {}, outputs: { text: { summary: 'The words.', file: 'text.txt' } },
    async run(job) {
      console.log('writing');
      if (job.params.fail) throw new Error('no ink');
      await writeFile(job.output('text'), '${word} '.trim().slice(0, 1).repeat(job.params.times));
      return { times: job.params.times };
    },
  });`;
const COUNT = `
  import { readFile, writeFile } from 'node:fs/promises';
  import { defineStage } from '../src/engine/stage.ts';
  export default defineStage({
    name: 'count', summary: 'Counts.', params: { type: 'object', additionalProperties: false, properties: {} },
    inputs: { text: { summary: 'What to count.' } }, outputs: { length: { summary: 'How many.', file: 'length.json' } },
    async run(job) {
      const { length } = await readFile(job.input('text'), 'utf8');
      await writeFile(job.output('length'), String(length));
      return { length };
    },
  });`;
const study = (times: number, more: object = {}) => ({
  name: 'words',
  dag: [
    { step: 'write', stage: 'write' },
    { step: 'count', stage: 'count', inputs: { text: 'write.text' } },
  ],
  experiments: { A: { params: { write: { times } } }, B: { params: { write: { times: 9, ...more } } } },
});

describe('explains', () => {
  beforeAll(async () => {
    await checkout.write('stages/write.ts', write('hello'));
    await checkout.write('stages/count.ts', COUNT);
    await checkout.write('pipeline.json', study(2));
    expect((await swp('repro')).stdout).toContain('4 nodes: 0 cached, 4 ran');
  });

  test('a changed parameter as one cause, told where it arose', async () => {
    expect((await swp('explain')).stdout).toBe('All 4 nodes are cached. `swp explain stage=...` says since when.');
    await checkout.write('pipeline.json', study(3));
    const { stdout } = await swp('explain');
    expect(stdout).not.toContain('cached');
    expect(stdout).toMatch(
      /^1 write node: stale, its recipe changed {2}A seed 0 write\n {2}write\.times 2 -> 3\n {2}compared with [0-9a-f]{12}, which stood here before$/m,
    );
    expect(stdout).toMatch(/^1 count node: stale, its recipe changed .*\n {2}follows from write\.times 2 -> 3$/m);
    const { nodes } = JSON.parse((await swp('explain', 'stage=count', 'experiment=A', '--json')).stdout) as {
      nodes: { causes: object[] }[];
    };
    expect(nodes[0]!.causes).toEqual([
      { stage: 'write', place: 'A/s0/r0/write', path: 'params.times', before: 2, after: 3 },
    ]);
  });

  test('a cached node by when and where it was computed; a new one by the nearest record', async () => {
    expect((await swp('explain', 'experiment=B')).stdout).toMatch(
      /1 write node: cached {2}B seed 0 write\n {2}computed \d{4}-.* on .+, key [0-9a-f]{12}/,
    );
    await checkout.write('pipeline.json', {
      ...study(2),
      experiments: { ...study(2).experiments, C: { params: { write: { times: 8 } } } },
    });
    expect((await swp('explain', 'experiment=C', 'stage=write')).stdout).toMatch(
      /missing, not computed yet .*\n {2}write\.times \d -> 8\n {2}compared with [0-9a-f]{12}, the nearest record of write/,
    );
  });

  test('what differs between any two keys, by their beginnings', async () => {
    await checkout.write('pipeline.json', study(2));
    const { nodes } = JSON.parse((await swp('status', 'stage=write', '--json')).stdout) as { nodes: { key: string }[] };
    const [a, b] = nodes.map(({ key }) => key) as [string, string];
    expect((await swp('explain', a.slice(0, 10), b.slice(0, 10))).stdout).toBe(
      `${a.slice(0, 12)} (write) -> ${b.slice(0, 12)} (write):\n  params.times  2 -> 9`,
    );
    expect((await swp('explain', a, a)).stdout).toContain('nothing differs: they are one key.');
    const unknown = await swp('explain', a, '00000000000');
    expect([unknown.stderr, unknown.exitCode]).toEqual([
      'error: No key begins with 00000000000.\n  Expected: a key that was recorded in this cache, or is planned in this study.',
      2,
    ]);
    expect((await swp('explain', a, 'xyz')).stderr).toContain('"xyz" is no key.');
  });

  test('what two experiments do differently, and what came of it', async () => {
    const { stdout } = await swp('diff', 'A', 'B');
    expect(stdout).toContain('A and B, seed 0: they part at write; 0 of 2 and 2 nodes are shared.');
    expect(stdout).toMatch(/write\.times +2 +9/);
    expect(stdout).toMatch(/count +length +2 +9/);
    expect((await swp('diff', 'A', 'BB')).stderr).toContain('Did you mean "B"?');
  });

  test('a failed node by its message: in the status, the history and its log', async () => {
    await checkout.write('pipeline.json', study(2, { fail: true }));
    expect((await swp('repro')).exitCode).toBe(1);
    expect((await swp('status')).stdout).toContain('it failed: no ink');
    expect((await swp('explain', 'stage=write', 'experiment=B')).stdout).toContain('it failed: no ink');
    const { runs } = JSON.parse((await swp('history', '--json')).stdout) as {
      runs: { counts: object; nodes: object[] }[];
    };
    expect(runs.map(({ counts }) => counts)).toMatchObject([
      { ran: 0, failed: 1, blocked: 1 },
      { ran: 4, failed: 0 },
    ]);
    expect((await swp('history', 'experiment=B', 'stage=write')).stdout).toMatch(
      /B\/s0\/r0\/write +failed .*no ink\n.*B\/s0\/r0\/write +ran/,
    );
    expect((await swp('logs', 'experiment=B', 'stage=write')).stdout).toMatch(/^writing\nError: no ink/);
    expect((await swp('logs', 'stage=count', 'experiment=A')).stdout).toContain('1 of 1 nodes have logged nothing.');
    await checkout.write('pipeline.json', study(2));
  });

  test('changed code, and lets a person accept it: the keys stay', async () => {
    await checkout.write('stages/write.ts', write('hi there'));
    expect((await swp('explain', 'stage=write')).stdout).toMatch(
      /2 write nodes: stale.*\n {2}changed code of stage write \([0-9a-f]{8} -> [0-9a-f]{8}\)\n {2}compared/,
    );
    expect((await swp('accept', 'stage=write')).stderr).toContain('There is no reason given.');
    const accepted = await swp('accept', 'stage=write', '--why', 'the same letter');
    expect(accepted.stdout).toMatch(/^write: code [0-9a-f]{8} counts as [0-9a-f]{8} in this study\.$/);
    expect((await swp('repro')).stdout).toContain('4 nodes: 4 cached, 0 ran');
    expect((await swp('accept', '--list')).stdout).toContain('the same letter');
    // What is new is computed by the new code, and says so, under the accepted fingerprint.
    await checkout.write('pipeline.json', study(5));
    await swp('repro');
    const shown = JSON.parse((await swp('show', 'stage=write', 'experiment=A', '--json')).stdout) as {
      record: { preimage: { code: string }; environment: { code: string } };
    };
    const { stages } = JSON.parse(
      await readFile(
        join(
          checkout.root,
          'dist',
          (JSON.parse(await readFile(join(checkout.root, 'dist/current.json'), 'utf8')) as { build: string }).build,
          'fingerprints.json',
        ),
        'utf8',
      ),
    ) as { stages: Record<string, string> };
    expect(shown.record.environment.code).toBe(stages.write);
    expect(shown.record.preimage.code).not.toBe(stages.write);
    expect((await swp('accept', '--revoke')).stdout).toContain('Revoked: 1.');
    expect((await swp('status', '--json')).stdout).toContain('"stale"');
    await swp('repro');
  });

  test('that another parameter is another experiment, and cannot be accepted', async () => {
    await checkout.write('pipeline.json', study(6));
    expect((await swp('accept', 'stage=write', '--why', 'x')).stderr).toContain(
      'error: More than code differs: write.times 5 -> 6.',
    );
    await checkout.write('pipeline.json', study(5));
  });

  test('an upgraded dependency by its name and versions', async () => {
    await checkout.write(
      'stages/write.ts',
      write('hi there').replace('import { readFile,', "import 'canonicalize';\nimport { readFile,"),
    );
    await swp('repro');
    const manifest = await readFile(join(checkout.root, 'package.json'), 'utf8');
    await checkout.write('package.json', manifest.replace(/"canonicalize": "[^"]+"/, '"canonicalize": "9.9.9"'));
    const version = /"canonicalize": "([^"]+)"/.exec(manifest)![1]!;
    const changed = `changed code of stage write \\([0-9a-f]{8} -> [0-9a-f]{8}\\), with canonicalize ${version.replaceAll('.', '\\.')} -> 9\\.9\\.9`;
    const { stdout } = await swp('explain');
    expect(stdout).toMatch(new RegExp(`^2 write nodes: stale.*\n  ${changed}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^2 count nodes: stale.*\n  follows from ${changed}$`, 'm'));
  });
});

describe('the difference of two values', () => {
  const object = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.jsonValue({ maxDepth: 2 }));

  test('is empty for equal ones, and names every leaf that differs', () => {
    fc.assert(
      fc.property(object, object, (a, b) => {
        expect(differences(a as JsonValue, a as JsonValue)).toEqual([]);
        const found = differences(a as JsonValue, b as JsonValue);
        expect(found.length === 0).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
        const back = differences(b as JsonValue, a as JsonValue).map(({ path, before, after }): Difference => ({
          path,
          before: after,
          after: before,
        }));
        const byPath = (x: Difference, y: Difference) => (x.path < y.path ? -1 : 1);
        expect(back.sort(byPath)).toEqual([...found].sort(byPath));
      }),
    );
  });

  function sorted(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, part]) => [name, sorted(part)]);
  }
});
