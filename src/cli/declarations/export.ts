/** The options and the help of `swp export`. */
import type { Command } from 'commander';
import type { ProjectOptions } from '../../project/location.ts';
import { SELECTOR_HELP, withOutputOption, withProjectOptions } from '../help.ts';

export interface ExportOptions extends ProjectOptions {
  graph: string[];
  output?: string;
}

export function declareExport(program: Command, body: (options: ExportOptions) => Promise<void>): Command {
  const command = program
    .command('export')
    .description("Write the graph of a node's step as an .onnx file that Netron opens, and say what the step costs.")
    .requiredOption('--graph <selectors...>', 'which node, e.g. stage=train experiment=A1')
    .addHelpText(
      'after',
      `
Examples:
  swp export --graph stage=train                        train.onnx: loss and gradients of one batch
  swp export --graph step=eval -o forward.onnx          a forward pass
  swp export --graph stage=train --json                 {"file", "graph", "flops", "memory", "inputs", "outputs", ...}

Nodes are named by module and operation; those of the backward pass begin with backward/. https://netron.app shows the
file. Several nodes may be selected if they run the same graph: the model, the batch and the sequence length decide that.
${SELECTOR_HELP}`,
    )
    .action(body);
  return withProjectOptions(withOutputOption(command, 'where to; - is standard output (default: STAGE.onnx here)'));
}
