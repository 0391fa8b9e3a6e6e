/** The options and the help of `swp estimate`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { keepOption, SELECTOR_HELP, withStudyOptions } from '../help.ts';
import { parsePositive, parsePositiveInteger } from '../quantity-parse.ts';

export interface EstimateOptions extends ProjectOptions {
  jobs?: number;
  gpuTflops?: number;
  calibrate?: boolean;
  fresh?: boolean;
  keep?: 'all' | 'last' | 'none';
  check?: boolean;
}

export function declareEstimate(
  program: Command,
  body: (words: string[], options: EstimateOptions) => Promise<void>,
): Command {
  const command = program
    .command('estimate')
    .description(
      'Say what a run will cost: nodes, training steps, FLOP, hours, disk; and how good the last estimate was.',
    )
    .argument('[selectors...]', 'only these nodes and what they need, as swp repro would')
    .option('-j, --jobs <number>', 'nodes at a time (default: the CPUs there are)', parsePositiveInteger)
    .option('--calibrate', 'measure on this machine now, whatever the cache tells')
    .option('--gpu-tflops <number>', 'also say the hours of a GPU that sustains so many TFLOP/s', parsePositive)
    .option('--fresh', 'as if nothing were in the cache')
    .addOption(keepOption())
    .option('--check', 'compare the last estimate with the run that followed')
    .addHelpText(
      'after',
      `
Examples:
  swp estimate                                   what swp repro would do now
  swp estimate --profile table --jobs 8
  swp estimate --profile table --gpu-tflops 20   and on a GPU that sustains 20 TFLOP/s
  swp estimate experiment=A1 seed=0 --fresh      one run, as if nothing were cached
  swp estimate --check                           estimated, took, and the ratio, by stage
  swp estimate --json                            {"nodes", "stages":[...], "flops", "seconds":{estimate, lower, upper}, "disk", ...}

Times come from records of this cache: the same stage, model, batch and device on the same model of processor. What no
record tells is measured in a few seconds, on small nodes of the study. A range goes from the 10th to the 90th
percentile of what measured nodes took. FLOP are those of the matrix products, counted from the graph.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withStudyOptions(command);
}
