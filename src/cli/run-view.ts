/** What shows a run while it goes on: json-view.ts, plain-view.ts or live-view.ts. All read the same events. */
import type { EventSink } from '../engine/event.ts';

export interface RunView {
  emit: EventSink;
  /** Says something to the person beside the events, e.g. that the run is being stopped. */
  note(text: string): void;
  /** Stops drawing. */
  close(): void;
}
