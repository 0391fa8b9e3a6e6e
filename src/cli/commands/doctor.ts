/** swp doctor: which engines and devices work here, why the others do not, and what would change that. */
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { EXIT_CODE } from '../exit-code.ts';
import { withProjectOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

type Log = (line: string) => void;

interface DoctorOptions extends ProjectOptions {
  install?: keyof typeof PARTS;
}

/** What can be fetched on request. */
const PARTS = {
  cuda: async (log: Log) => (await import('../../doctor/install-cuda.ts')).installCudaProvider(log),
  tensorflow: async (log: Log) => (await import('../../doctor/install-tensorflow.ts')).installTensorflow(log),
};

export function declareDoctor(program: Command): Command {
  const command = program
    .command('doctor')
    .description('Say which engines and devices work here, why the others do not, and what would change that.')
    .addOption(new Option('--install <part>', 'fetch what an engine or device needs').choices(Object.keys(PARTS)))
    .addHelpText(
      'after',
      `
Examples:
  swp doctor                     tries every engine on every device, for real
  swp doctor --json              {"ok", "targets":[{engine, device, works, why, remedy, ...}], "machine", "cache", ...}
  swp doctor --install cuda      fetches ONNX Runtime's CUDA provider, then looks again
  swp doctor --install tensorflow

ok: a small training step gives there what the float64 reference gives. no: something is missing. broken: it is there,
and crashes, hangs or computes something else. The exit code is 0 if engine onnx works on device cpu, else 1.`,
    )
    .action(doctor);
  return withProjectOptions(command);
}

async function doctor(options: DoctorOptions): Promise<void> {
  const terminal = openTerminal();
  if (options.install !== undefined) await install(options.install, options, terminal);
  const { examine } = await import('../../doctor/examine.ts');
  const findings = await examine(await cacheFolder(options));
  if (options.json) terminal.line(JSON.stringify(findings));
  else {
    const { doctorText } = await import('../doctor-text.ts');
    for (const line of doctorText(findings, terminal.colors)) terminal.line(line);
  }
  if (!findings.ok) process.exitCode = EXIT_CODE.defaultTargetFails;
}

/** What it says goes to standard error: with --json, standard output is the findings'. */
async function install(part: keyof typeof PARTS, { json }: DoctorOptions, terminal: Terminal): Promise<void> {
  const say = (line: string) => (json ? terminal.errorLine(line) : terminal.line(line));
  await PARTS[part](say);
  say('');
}

/** Where results would be kept; without a study, beside one that would be made here. */
async function cacheFolder({ cache, pipeline }: ProjectOptions): Promise<string> {
  const named = cache ?? process.env.SWP_CACHE;
  if (named !== undefined && named !== '') return resolve(named);
  const { findStudyFile } = await import('../../pipeline/find-study.ts');
  const { SwpError } = await import('../../base/failure.ts');
  try {
    return join(dirname(findStudyFile(pipeline, process.cwd())), 'cache');
  } catch (error) {
    if (pipeline !== undefined || !(error instanceof SwpError)) throw error;
    return resolve('cache');
  }
}
