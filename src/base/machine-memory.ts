/** The memory of this machine, as far as it may be used. */
import { totalmem } from 'node:os';

/** Bytes that processes of this machine can have together: what there is, or what the control group grants. */
export function machineMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}
