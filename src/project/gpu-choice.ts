/** Which GPUs of this machine nodes may take, as people write it. The command line loads it at every start. */
import type { WrittenValue } from './slurm-values.ts';

const ONE = /^(\d{1,4}|(GPU|MIG)-[\w/-]+)$/i;

/** By words, by index, or by the UUIDs that nvidia-smi shows. */
export const LOCAL_GPUS: WrittenValue<string> = {
  expected: 'auto, none, or indices such as 0,1',
  parse: (text) =>
    text === 'auto' || text === 'none' || text.split(',').every((part) => ONE.test(part.trim())) ? text : undefined,
};
