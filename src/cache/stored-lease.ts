/** What is in a lease. Others write into the same folder, so nothing that is read there is taken on trust. */
import { createHash } from 'node:crypto';
import type { ProcessIdentity } from './process-identity.ts';

/** Who computes a key. */
export interface LeaseHolder extends ProcessIdentity {
  /** Of the holding process, at random; empty if it is not known. */
  id: string;
  /** ISO 8601, by the holder's clock. */
  since: string;
  /** The place in the holder's study, such as `A1/s0/r2/train`. */
  place: string;
}

export interface StoredLease {
  /** Of one lease: tells it from the next one of the same name. */
  nonce: string;
  holder: LeaseHolder;
}

/** Of what is no lease. It has no heartbeat, so it counts for as long as one that is never heard of again. */
export const UNKNOWN_HOLDER: LeaseHolder = {
  host: 'unknown',
  user: 'unknown',
  pid: 0,
  space: '',
  started: null,
  id: '',
  since: '',
  place: '',
};

const LONGEST_TEXT = 200;

/** @param text anything: half written, of another version, planted */
export function parseLease(text: string): StoredLease {
  try {
    const { nonce, holder } = JSON.parse(text) as StoredLease;
    const { id, space, pid, started, ...told } = holder;
    const [host, user, since, place] = [told.host, told.user, told.since, told.place].map(shownText);
    if (
      [nonce, id, space].every((value) => typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT) &&
      Number.isSafeInteger(pid) &&
      pid > 0
    )
      return {
        nonce,
        holder: {
          host: host!,
          user: user!,
          pid,
          space,
          started: typeof started === 'string' ? started : null,
          id,
          since: since!,
          place: place!,
        },
      };
  } catch {
    // falls through
  }
  return { nonce: `unreadable ${createHash('sha256').update(text).digest('hex')}`, holder: UNKNOWN_HOLDER };
}

/** Goes to terminals: without control characters, and of a length that fits. */
function shownText(text: unknown): string {
  if (typeof text !== 'string') throw new TypeError('no text');
  return text.slice(0, LONGEST_TEXT).replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
