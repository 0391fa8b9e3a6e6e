/**
 * Lets timers and messages (such as the one to stop) be handled. A runtime that computes on this thread waits for this
 * before each run: otherwise a loop of runs would block the event loop until its end.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
