/** Opens a model's graph on the declared target; a machine that cannot run it is a failure that a user can meet. */
import type { Graph } from '../compute/graph/graph.ts';
import { openSession } from '../compute/runtimes/open-session.ts';
import { UnavailableTarget, type ExecutionTarget, type GraphSession } from '../compute/runtimes/runtime.ts';
import { SwpError } from '../base/failure.ts';

/** @throws SwpError of kind `unavailable` if this machine cannot execute graphs that way */
export function openModelSession(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
  return openSession(graph, target).catch(asFailure);
}

/** Rethrows an error, as a failure if it says that the machine lacks something. */
export function asFailure(error: unknown): never {
  if (!(error instanceof UnavailableTarget)) throw error;
  const { engine, device } = error.target;
  throw new SwpError({
    kind: 'unavailable',
    what: `engine ${engine} on device ${device}`,
    message: error.message,
    remedy: error.remedy,
  });
}
