/** The options and the help of `swp doctor`. */
import { Option, type Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { withProjectOptions } from '../help.ts';

/** What can be fetched on request. */
const PARTS = ['cuda', 'tensorflow'] as const;
export type Part = (typeof PARTS)[number];

export interface DoctorOptions extends ProjectOptions {
  install?: Part;
}

export function declareDoctor(program: Command, body: (options: DoctorOptions) => Promise<void>): Command {
  const command = program
    .command('doctor')
    .description('Say which engines and devices work here, why the others do not, and what would change that.')
    .addOption(new Option('--install <part>', 'fetch what an engine or device needs').choices(PARTS))
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
    .action(body);
  return withProjectOptions(command);
}
