/**
 * The runtime of the exact engine: graphs are lowered to a program of the vector language, and a generator makes code
 * of it for this machine. On every machine the results are the same bits (docs/exact-arithmetic.md).
 */
import type { Graph } from '../../graph/graph.ts';
import {
  UnavailableTarget,
  type ExecutionTarget,
  type GraphSession,
  type Repetition,
  type Runtime,
} from '../runtime.ts';
import { checkProgram } from './check-program.ts';
import { ExactSession } from './exact-session.ts';
import { generatorOfThisMachine } from './generators.ts';
import { ProgramTooLarge, type Generator } from './language.ts';
import { lowerGraph } from './lowering/lower.ts';
import { NoMachineCode } from './x86/executable-memory.ts';

export const exactRuntime: Runtime = {
  async open(graph: Graph, target: ExecutionTarget, repetition?: Repetition): Promise<GraphSession> {
    try {
      return await openExact(graph, generatorOfThisMachine(), repetition);
    } catch (error) {
      if (error instanceof ProgramTooLarge)
        throw new UnavailableTarget(
          target,
          error.message,
          'Use engine onnx, or a smaller batch. Machine code (x86-64 with AVX2) addresses more memory than WebAssembly.',
        );
      // A processor and system that ran generated code before: memory is what it lacks now.
      if (error instanceof NoMachineCode || error instanceof RangeError)
        throw new UnavailableTarget(
          target,
          `The system refuses the memory of a program: ${error.message}`,
          'Lift the limit of memory (`ulimit -v`), take a smaller batch or fewer --jobs, or a machine with more memory.',
        );
      throw error;
    }
  },
};

/** @throws ProgramTooLarge if the program does not fit in what the generator can address */
export function openExact(graph: Graph, generator: Generator, repetition?: Repetition): Promise<GraphSession> {
  const program = lowerGraph(graph, repetition && new Set(repetition.advancing));
  checkProgram(program);
  return Promise.resolve(new ExactSession(program, generator.compile(program), repetition?.times ?? 1));
}
