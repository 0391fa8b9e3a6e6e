/** What nvidia-smi says of this machine's GPUs. */
import { execa } from 'execa';

export interface Gpu {
  index: number;
  uuid: string;
  name: string;
  driver: string;
  /** MiB; null where the driver does not say, as with memory that CPU and GPU share. */
  usedMemory: number | null;
  totalMemory: number | null;
  /** How many processes compute on it, as far as they can be seen: containers hide those of others. */
  processes: number;
}

/** `absent`: there is no nvidia-smi. `failed`: it says why, and nothing is known of the GPUs. */
export type GpuQuery = { kind: 'gpus'; gpus: Gpu[] } | { kind: 'absent' } | { kind: 'failed'; message: string };

const TIMEOUT_MS = 10_000;

/** @param env what nvidia-smi is run with, and found by */
export async function queryGpus(env: NodeJS.ProcessEnv = process.env): Promise<GpuQuery> {
  const gpus = await ask('--query-gpu=index,uuid,memory.used,memory.total,driver_version,name', env);
  if (gpus.kind !== 'lines') return gpus;
  const processes = await ask('--query-compute-apps=gpu_uuid,pid', env);
  if (processes.kind !== 'lines') return processes;
  return {
    kind: 'gpus',
    gpus: gpus.lines.flatMap((line) => {
      // a name may contain commas
      const [index = '', uuid = '', used = '', total = '', driver = '', ...name] = line
        .split(',')
        .map((part) => part.trim());
      if (name.length === 0) return []; // a sentence, such as "No devices were found"
      return {
        index: Number(index),
        uuid,
        name: name.join(', '),
        driver,
        usedMemory: number(used),
        totalMemory: number(total),
        processes: processes.lines.filter((process) => process.startsWith(uuid)).length,
      };
    }),
  };
}

type Answer = { kind: 'lines'; lines: string[] } | Exclude<GpuQuery, { kind: 'gpus' }>;

async function ask(query: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  const { stdout, stderr, failed, timedOut, code, exitCode } = await execa(
    'nvidia-smi',
    [query, '--format=csv,noheader,nounits'],
    { env, extendEnv: false, reject: false, timeout: TIMEOUT_MS, stdin: 'ignore' },
  );
  if (code === 'ENOENT') return { kind: 'absent' };
  if (timedOut) return { kind: 'failed', message: 'nvidia-smi does not answer' };
  if (failed) {
    const said = (stderr || stdout || '').trim().split('\n')[0];
    return { kind: 'failed', message: `nvidia-smi fails: ${said || `exit code ${exitCode ?? 'unknown'}`}` };
  }
  return { kind: 'lines', lines: stdout.split('\n').filter((line) => line.trim() !== '') };
}

/** `[N/A]` and `[Not Supported]` are null. */
function number(text: string): number | null {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}
