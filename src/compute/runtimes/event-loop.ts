/**
 * Gives timers and messages (such as the one to stop) their turn: a runtime that computes on this thread waits for it
 * before each run, since a loop of runs would otherwise never let go of the thread.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
