/** Why a node is, or is not, run: in words. */
import { visibleLine } from '../base/visible-text.ts';
import type { Reason } from '../engine/event.ts';
import { failureLine } from './failure-text.ts';

export function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case 'cached':
      return 'cached';
    case 'missing':
      return 'not computed yet';
    case 'missing-input':
      return failureLine(reason.failure);
    case 'blocked':
      return `${reason.by} lacks something: ${failureLine(reason.failure)}`;
    case 'failed':
      return `it failed: ${visibleLine(reason.message)}`;
    case 'changed':
      return 'its recipe changed';
    case 'invalidated':
      return reason.why === undefined ? 'invalidated' : `invalidated: ${visibleLine(reason.why)}`;
    case 'same-content':
      return 'equal to another node';
    case 'evicted':
      return `its "${reason.artifact}" is not there any more, and ${reason.neededBy} needs it`;
    case 'input-differs':
      return `its input "${reason.input}" came out different`;
  }
}
