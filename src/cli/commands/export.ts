/** swp export: writes the graph of a node's step as an .onnx file to look at, and says what the step costs. */
import { packageVersion } from '../../base/package-root.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import { openProject } from '../../project/project.ts';
import { exportStepGraph, passText, type ExportedGraph } from '../../project/step-graph-export.ts';
import type { ExportOptions } from '../declarations/export.ts';
import { quantityText } from '../quantity-text.ts';
import { labelText } from '../run-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

export async function exportGraph(options: ExportOptions): Promise<void> {
  const exported = await exportStepGraph(await openProject(options), options.graph, {
    version: packageVersion(),
    placeText: ({ node }) => labelText(node.labels[0]!),
    ...(options.output !== undefined && { output: options.output }),
  });
  const terminal = openTerminal();
  const { file, graph, cost, nodes } = exported;
  if (options.json) terminal.line(JSON.stringify({ file, ...passJson(exported), graph, ...cost, nodes }));
  else writeSummary(exported, terminal);
}

function passJson({ stage, pass, contents }: ExportedGraph) {
  const { computes, model, batch, sequence, microBatches } = pass;
  const described = (values: Graph['inputs']) =>
    [...values].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
  return {
    stage,
    pass: computes === 'training' ? 'training' : 'forward',
    model,
    batch,
    sequence,
    microBatches,
    inputs: described(contents.inputs),
    outputs: described(contents.outputs),
  };
}

function writeSummary({ file, bytes, pass, cost }: ExportedGraph, terminal: Terminal): void {
  const { colors } = terminal;
  const { parameters, activations } = cost.memory;
  terminal.line(`${passText(pass)} (${cost.operations.toLocaleString('en')} operations).`);
  terminal.line(
    [
      `${quantityText(cost.flops, 'FLOP')} per ${pass.computes !== 'training' ? 'pass' : pass.microBatches === 1 ? 'step' : 'micro-batch'}`,
      `${quantityText(parameters, 'B')} parameters`,
      ...(pass.computes === 'training' ? [`${quantityText(cost.memory.outputs, 'B')} gradients`] : []),
      `${quantityText(activations, 'B')} activations`,
    ].join(', '),
  );
  terminal.line(`Written: ${colors.bold(file)} (${quantityText(bytes, 'B')}). https://netron.app shows it.`);
}
