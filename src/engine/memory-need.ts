/** A node that takes more memory than there is: refused before it runs, and told before anything runs. */
import type { Failure } from '../base/failure.ts';
import { quantityText } from '../base/quantity-text.ts';
import type { StageDefinition } from './stage.ts';

export interface MemoryNeed {
  /** Bytes that a node is expected to take. */
  bytes: number;
  /**
   * What a study has to declare for it to take so many at most; undefined if nothing would do. Absent where nothing
   * that a study declares changes what it takes.
   */
  fitting?(bytes: number): Promise<string | undefined>;
}

/** What a node is expected to take; undefined where its stage does not say. */
export async function memoryNeed(
  { stage, params }: { stage: StageDefinition; params: Parameters<NonNullable<StageDefinition['memory']>>[0] },
  root: string,
): Promise<MemoryNeed | undefined> {
  const bytes = await stage.memory?.(params, root);
  if (bytes === undefined) return undefined;
  const { fitting } = stage;
  return { bytes, ...(fitting && { fitting: (room) => fitting(params, room, root) }) };
}

/**
 * What is wrong with a node that takes more than there is.
 * @param place of the node, such as A1/s0/r2/train
 * @param room bytes of the machine
 */
export async function tooLarge(place: string, { bytes, fitting }: MemoryNeed, room: number): Promise<Failure> {
  const declared = await fitting?.(room);
  return {
    kind: 'unavailable',
    what: place,
    message: `it would take about ${quantityText(bytes, 'B')} of memory, and this machine has ${quantityText(room, 'B')}`,
    remedy:
      declared === undefined
        ? `Use a larger machine, or a smaller model${fitting === undefined ? '' : ': nothing that it could declare fits'}.`
        : `Declare ${declared}, or use a larger machine.`,
  };
}
