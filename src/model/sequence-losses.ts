/**
 * The loss of every held-out sequence of one evaluation, in a safetensors file: what two evaluations are paired by. It
 * is apart from the evaluation so that only what pairs them reads it.
 */
import { createHash } from 'node:crypto';
import { readSafetensors, writeSafetensors, WRONG_ARTIFACT } from './safetensors.ts';
import { floatTensor } from './weights-file.ts';

const TENSOR = 'losses';

export interface SequenceLosses {
  /** Mean loss of each sequence, nats per predicted token, in the order of the tokens. */
  losses: Float32Array;
  /** SHA-256 of the tokens, hexadecimal: sequences are paired where these are equal. */
  tokens: string;
}

/**
 * @param losses one per sequence
 * @param tokens the sequences themselves
 */
export async function writeSequenceLosses(path: string, losses: Float64Array, tokens: Int32Array): Promise<void> {
  const bytes = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  await writeSafetensors(path, new Map([[TENSOR, { shape: [losses.length], data: Float32Array.from(losses) }]]), {
    tokens: createHash('sha256').update(bytes).digest('hex'),
  });
}

/** @throws SwpError if the file cannot be read or holds something else */
export async function readSequenceLosses(path: string): Promise<SequenceLosses> {
  const { tensors, metadata } = await readSafetensors(path);
  const shape = tensors.get(TENSOR)?.shape ?? [];
  return {
    losses: floatTensor(tensors, { name: TENSOR, shape }, path, WRONG_ARTIFACT).data,
    tokens: metadata['tokens'] ?? '',
  };
}
