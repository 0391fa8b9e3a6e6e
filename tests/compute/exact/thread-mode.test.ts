/** A library can leave a thread in a mode in which subnormal numbers are zeros: the exact engine computes as ever. */
import { expect, it } from 'vitest';
import { computesAsIeee } from '../../../src/base/ieee-arithmetic.ts';
import { Graph } from '../../../src/compute/graph/graph.ts';
import { ExactSession } from '../../../src/compute/runtimes/exact/exact-session.ts';
import { generatorNamed, generatorsHere } from '../../../src/compute/runtimes/exact/generators.ts';
import { lowerGraph } from '../../../src/compute/runtimes/exact/lowering/lower.ts';
import { flushingSubnormals } from '../../../src/compute/runtimes/subnormals.ts';
import { interpreter } from './interpreter.ts';

/** Half of a subnormal number. */
function halving(): Graph {
  const graph = new Graph();
  graph.output('half', graph.affine(graph.input('x', [40]), 0.5));
  return graph;
}

const machineCode = generatorsHere().filter((name) => name !== 'webassembly');

it.each(machineCode)('code of %s keeps subnormal numbers in such a thread, and leaves it as it was', (name) => {
  const program = lowerGraph(halving());
  const compiled = generatorNamed(name).compile(program);
  const [x, half] = [new Float32Array(40).fill(2 ** -140), new Float32Array(40)];
  program.buffers.forEach(({ kind }, index) => {
    if (kind === 'input') compiled.bind(index, x);
    if (kind === 'output') compiled.bind(index, half);
  });
  flushingSubnormals(() => {
    const before = computesAsIeee();
    compiled.run(1);
    expect(computesAsIeee()).toBe(before);
  });
  compiled.release();
  expect([...half]).toEqual(Array.from(x, (each) => each / 2));
  expect(computesAsIeee()).toBe(true);
});

it('a session computes nothing in such a thread, and says what to do', async () => {
  const program = lowerGraph(halving());
  const session = new ExactSession(program, interpreter.compile(program), 1, () => false);
  const half = new Float32Array(40).fill(7);
  session.feed('x', new Float32Array(40));
  session.fetch('half', half);
  await expect(session.run()).rejects.toMatchObject({
    failure: { kind: 'unavailable', remedy: 'Run it again: it goes to a new process.' },
  });
  expect(half[0]).toBe(7);
});
