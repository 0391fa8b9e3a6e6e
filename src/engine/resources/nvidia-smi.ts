/** What nvidia-smi says of this machine's GPUs. */
import { execa } from 'execa';
import { SwpError } from '../../base/failure.ts';

export interface Gpu {
  index: number;
  uuid: string;
  name: string;
  /** MiB; null where the driver does not say. */
  usedMemory: number | null;
  totalMemory: number | null;
  /** How many processes compute on it, as far as they can be seen: containers hide those of others. */
  processes: number;
}

const TIMEOUT_MS = 10_000;

/**
 * @returns none where there is no nvidia-smi
 * @throws SwpError of kind `unavailable` if it fails or does not answer: then nothing is known of the GPUs
 */
export async function queryGpus(env: NodeJS.ProcessEnv = process.env): Promise<Gpu[]> {
  const ask = async (...args: string[]) => {
    const { stdout, failed, timedOut, code, stderr } = await execa(
      'nvidia-smi',
      [...args, '--format=csv,noheader,nounits'],
      { env, extendEnv: false, reject: false, timeout: TIMEOUT_MS, stdin: 'ignore' },
    );
    if (code === 'ENOENT') return undefined;
    if (failed)
      throw new SwpError({
        kind: 'unavailable',
        what: 'a node on a GPU',
        message: timedOut ? 'nvidia-smi gives no answer' : `nvidia-smi failed: ${(stderr || stdout).split('\n')[0]}`,
        remedy: 'Run nvidia-smi by hand; mostly the driver has to be loaded anew.',
      });
    return stdout.split('\n').filter((line) => line.trim() !== '');
  };
  const gpus = await ask('--query-gpu=index,uuid,memory.used,memory.total,name');
  if (gpus === undefined) return [];
  const processes = (await ask('--query-compute-apps=gpu_uuid,pid')) ?? [];
  return gpus.map((line) => {
    // a name may contain commas
    const [index = '', uuid = '', used = '', total = '', ...name] = line.split(',').map((part) => part.trim());
    return {
      index: Number(index),
      uuid,
      name: name.join(', '),
      usedMemory: number(used),
      totalMemory: number(total),
      processes: processes.filter((process) => process.startsWith(uuid)).length,
    };
  });
}

/** `[N/A]` and `[Not Supported]` are null. */
function number(text: string): number | null {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}
