/** What goes when this process ends, also by a signal: folders that are of no use to anybody else. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
const open = new Set<() => void>();
let isHeard = false;

/**
 * Does something when the process ends, by itself or by a signal for which nobody else listens: whoever listens stops
 * the work, and the process ends by itself. One listener serves all: two would take each other for somebody else.
 * @param clean does not wait and throws nothing
 * @returns forgets it
 */
export function whenEnding(clean: () => void): () => void {
  if (!isHeard) process.once('exit', cleanAll);
  isHeard = true;
  if (open.size === 0) for (const signal of SIGNALS) process.on(signal, endBy);
  open.add(clean);
  return () => {
    open.delete(clean);
    if (open.size === 0) stopListening();
  };
}

function endBy(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  cleanAll();
  stopListening();
  process.kill(process.pid, signal); // as if nobody had listened
}

function cleanAll(): void {
  for (const clean of open) clean();
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, endBy);
}
