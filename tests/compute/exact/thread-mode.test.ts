/** A library can leave a thread in a mode in which subnormal numbers are zeros, which WebAssembly then computes in. */
import { expect, it } from 'vitest';
import { Graph } from '../../../src/compute/graph/graph.ts';
import { ExactSession } from '../../../src/compute/runtimes/exact/exact-session.ts';
import { lowerGraph } from '../../../src/compute/runtimes/exact/lowering/lower.ts';
import { interpreter } from './interpreter.ts';

/** Half of a subnormal number. */
function halving(): Graph {
  const graph = new Graph();
  graph.output('half', graph.affine(graph.input('x', [40]), 0.5));
  return graph;
}

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
