/** Constants that are computed when they are needed: identifying a graph makes none of them. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { Table } from '../../src/compute/graph/table.ts';
import { graphHash } from '../../src/compute/runtimes/onnx/graph-hash.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { graphFingerprint } from '../../src/model/graph-fingerprint.ts';

/** A graph with one constant of so many numbers. */
function scaled(length: number, at: (index: number) => number): Graph {
  const graph = new Graph();
  const input = graph.input('x', [length]);
  graph.output('y', graph.mul(input, graph.constant(Table.computed(length, at), [length])));
  return graph;
}

describe('a table', () => {
  test('gives its numbers, rounded to its type', () => {
    expect(Table.computed(3, (index) => index / 3).numbers()).toEqual(Float32Array.of(0, 1 / 3, 2 / 3));
    expect(Table.computed(3, (index) => index, 'int32').numbers()).toEqual(Int32Array.of(0, 1, 2));
    expect(Table.filled(2, -1).numbers()).toEqual(Float32Array.of(-1, -1));
  });

  test('of moderate size is hashed whole, so that the hash is that of the file', () => {
    const graph = scaled(200_000, Math.sin);
    expect(graphHash(graph)).toBe(createHash('sha256').update(lowerToOnnx(graph)).digest('hex'));
  });

  test('of any size is told from one of another rule, another length or another period', () => {
    const length = 3 * 2 ** 40;
    const rules: ((index: number) => number)[] = [
      () => 1,
      (index) => index % 64,
      (index) => index % 65,
      (index) => (index % 64) * 2,
      (index) => Math.floor(index / 64),
    ];
    const hashes = rules.flatMap((at) => [length, length + 1].map((each) => graphHash(scaled(each, at))));
    expect(new Set(hashes).size).toBe(2 * rules.length);
    expect(graphHash(scaled(length, rules[1]!))).toBe(hashes[2]);
  });
});

describe('planning makes no table', () => {
  const target = { engine: 'onnx', precision: 'float32' } as const;

  test.each(['cpu', 'cuda', 'webgpu'] as const)('of the batch or of the sequence, on %s', async (device) => {
    // A table of one number for each token and channel would take 200 TB.
    const shapes = [64, 1e6].flatMap((batch) => [64, 1e6].map((sequence) => ({ batch, sequence })));
    const fingerprints = [];
    for (const shape of shapes)
      for (const pass of ['training', 'forward'] as const)
        fingerprints.push(await graphFingerprint(pass, 'marker-retrieval', shape, { ...target, device }));
    expect(new Set(fingerprints.map((fingerprint) => JSON.stringify(fingerprint))).size).toBe(8);
  });
});
