/** Constants that follow a rule: made when they are needed, and told by the rule where a graph is only identified. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { Table } from '../../src/compute/graph/table.ts';
import { graphHash } from '../../src/compute/runtimes/onnx/graph-hash.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { graphFingerprint } from '../../src/model/graph-fingerprint.ts';

/** A graph with one constant. */
function scaledBy(table: Table | Float32Array): Graph {
  const graph = new Graph();
  graph.output('y', graph.mul(graph.input('x', [table.length]), graph.constant(table, [table.length])));
  return graph;
}

const place = (row: number, column: number) => 10 * row + column;

describe('a table', () => {
  test.each<[string, Table, Float32Array | Int32Array]>([
    ['filled', Table.filled(3, -1), Float32Array.of(-1, -1, -1)],
    ['counting', Table.counting(4, 'float32'), Float32Array.of(0, 1, 2, 3)],
    ['counting, of whole numbers', Table.counting(4, 'int32'), Int32Array.of(0, 1, 2, 3)],
    ['identity', Table.identity(3), Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)],
    ['above the diagonal', Table.aboveDiagonal(3, 5), Float32Array.of(0, 5, 5, 0, 0, 5, 0, 0, 0)],
    ['repeated rows', Table.repeatedRows(2, 2, 2, place), Float32Array.of(0, 1, 0, 1, 10, 11, 10, 11)],
  ])('%s: has the numbers of its rule, which the file has, too', (_, table, numbers) => {
    expect(table).toMatchObject({ length: numbers.length });
    expect(table.numbers()).toEqual(numbers);
    if (numbers instanceof Float32Array) expect(lowerToOnnx(scaledBy(table))).toEqual(lowerToOnnx(scaledBy(numbers)));
  });

  test('is told from others by its rule, and by all that the rule depends on', () => {
    const [rows, columns, times] = [4, 8, 8];
    const size = Math.sqrt(rows * columns * times);
    const tables = [
      Table.filled(size * size, 0),
      Table.filled(size * size, 1),
      Table.filled(size * size + 1, 1),
      Table.counting(size * size, 'float32'),
      Table.identity(size),
      Table.aboveDiagonal(size, 1),
      Table.aboveDiagonal(size, 2),
      Table.repeatedRows(rows, columns, times, place),
      Table.repeatedRows(rows, columns, times, (row, column) => place(row, column) + Number(row + column === 10)),
      Table.repeatedRows(columns, rows, times, (row, column) => place(0, row * rows + column)),
      Table.repeatedRows(rows, columns / 2, 2 * times, place),
    ];
    const hashes = tables.map((table) => graphHash(scaledBy(table)));
    expect(new Set(hashes).size).toBe(tables.length);
    expect(graphHash(scaledBy(Table.repeatedRows(rows, columns, times, place)))).toBe(hashes[7]);
  });

  test('that is written counts whole, however large: one number is another hash', () => {
    const numbers = new Float32Array(2 ** 21 + 1);
    const hash = graphHash(scaledBy(numbers));
    numbers[1_234_567] = 1e-30;
    expect(graphHash(scaledBy(numbers))).not.toBe(hash);
    expect(graphHash(scaledBy(numbers))).toBe(
      createHash('sha256')
        .update(lowerToOnnx(scaledBy(numbers)))
        .digest('hex'),
    );
  });
});

describe('planning makes no table of the batch', () => {
  const target = { engine: 'onnx', precision: 'float32' } as const;

  test.each(['cpu', 'cuda', 'webgpu'] as const)('on %s', async (device) => {
    // A table of one number for each token and channel would take 780 GB.
    const shapes = [64, 1e6].flatMap((batch) => [64, 4096].map((sequence) => ({ batch, sequence })));
    const fingerprints = [];
    for (const shape of shapes)
      for (const pass of ['training', 'forward'] as const)
        fingerprints.push(await graphFingerprint(pass, 'marker-retrieval', shape, { ...target, device }));
    expect(new Set(fingerprints.map((fingerprint) => JSON.stringify(fingerprint))).size).toBe(8);
  });
});
