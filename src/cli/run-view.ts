/** What shows a run while it goes on: one of json-view.ts, plain-view.ts, live-view.ts. All read the same events. */
import type { EventSink } from '../engine/event.ts';

export interface RunView {
  emit: EventSink;
  /** Says something to the person beside the events, e.g. that the run is being stopped. */
  note(text: string): void;
  /** Nothing more will change: leaves the last state on the screen. */
  close(): void;
}
