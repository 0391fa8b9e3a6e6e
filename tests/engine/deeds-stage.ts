/** The stage of the contract of executors, for those that load one, and a machine with one GPU. */

/** What its jobs do, by `do`: executor-contract.ts lists it. */
export const DEEDS_STAGE = `
  import { readFile, writeFile } from 'node:fs/promises';
  const forever = (job) => new Promise((_, reject) => {
    setInterval(() => {}, 1000);
    job.signal.addEventListener('abort', () => reject(job.signal.reason));
  });
  const deeds = {
    write: async (job) => {
      job.log('a line');
      console.error('another line');
      for (const done of [1, 2]) job.progress({ done, total: 2 });
      await writeFile(job.output('text'), (await readFile(job.optionalInput('from') ?? job.params.file, 'utf8')) + job.params.say);
      return { length: job.params.say.length };
    },
    fail: () => { throw Object.assign(new Error('no space left'), { code: 'ENOSPC', path: '/full' }); },
    die: () => new Promise(() => process.kill(process.pid, 'SIGKILL')),
    'fill GPU': () => { throw new Error('CUDA failure 2: out of memory ; GPU=0'); },
    'take memory': async (job) => { globalThis.taken = Buffer.alloc(400e6, 1); await forever(job); },
    checkpoint: async (job) => {
      let written = 0;
      const put = (at) => job.checkpoint(at, (path) => { written = at; return writeFile(path('text'), 'state at ' + at); });
      await put(1);
      await put(2);
      job.log(written === 1 ? 'not yet' : 'too early');
      while (written < 2) { await put(2); await new Promise((resolve) => setImmediate(resolve)); }
      await writeFile(job.output('text'), 'two checkpoints');
    },
    resume: async (job) => {
      await writeFile(job.output('text'), job.resume.at + ': ' + (await readFile(job.resume.state('text'), 'utf8')));
    },
    wait: async (job) => { job.log('waiting'); await forever(job); },
  };
  export default {
    name: 'deeds', summary: '', params: {}, inputs: { from: { summary: '', optional: true } },
    outputs: { text: { summary: '', file: 'text.txt', evictable: true } },
    resources: ({ gpus = 0 }) => ({ gpus }),
    trajectory: () => ({ length: 'to', state: ['text'] }),
    run: (job) => deeds[job.params.do](job),
  };`;

/** In place of the driver's program. */
export const NVIDIA_SMI = `#!/bin/sh
case "$*" in *compute-apps*) ;; *) echo '0, GPU-aaaa, 3, 81559, 550.54.15, A GPU';; esac`;
