/** What nvidia-smi says of this machine's GPUs. */
import { execFile, type ExecFileException } from 'node:child_process';
import { promisify } from 'node:util';

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
  try {
    const options = { env, timeout: TIMEOUT_MS };
    const { stdout } = await promisify(execFile)('nvidia-smi', [query, '--format=csv,noheader,nounits'], options);
    return { kind: 'lines', lines: stdout.split('\n').filter((line) => line.trim() !== '') };
  } catch (error) {
    const { code, killed, stdout, stderr } = error as Partial<ExecFileException & { stdout: string; stderr: string }>;
    if (code === 'ENOENT') return { kind: 'absent' };
    if (killed === true) return { kind: 'failed', message: 'nvidia-smi does not answer' };
    const said = (stderr || stdout || '').trim().split('\n')[0];
    return { kind: 'failed', message: `nvidia-smi fails: ${said || `exit code ${code ?? 'unknown'}`}` };
  }
}

/** `[N/A]` and `[Not Supported]` are null. */
function number(text: string): number | null {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}
