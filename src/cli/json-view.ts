/** `--json`: one event a line, the summary last. Notes for people go to standard error. */
import type { RunView } from './run-view.ts';
import { isOutputLost } from './process-guard.ts';
import type { Terminal } from './terminal.ts';

export function openJsonView(terminal: Terminal): RunView {
  return {
    // Standard error is for people.
    emit: (event) => (isOutputLost() ? undefined : terminal.line(JSON.stringify(event))),
    note: (text) => terminal.errorLine(text),
    close: () => undefined,
  };
}
