/** swp export: writes the graph of a node's step as an .onnx file to look at, and says what the step costs. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { PassGraph } from '../../model/pass-graph.ts';
import { openProject } from '../../project/project.ts';
import { exportStepGraph, stepText, type ExportedGraph } from '../../project/step-graph-export.ts';
import type { ExportOptions } from '../declarations/export.ts';
import { quantityText } from '../quantity-text.ts';
import { labelText } from '../run-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { version } from '../version.ts';

export async function exportGraph(options: ExportOptions): Promise<void> {
  const exported = await exportStepGraph(await openProject(options), options.graph, {
    version,
    placeText: ({ node }) => labelText(node.labels[0]!),
    ...(options.output !== undefined && { output: options.output }),
  });
  const terminal = openTerminal();
  const { file, step, graph, cost, nodes } = exported;
  if (options.json) terminal.line(JSON.stringify({ file, ...stepJson(step), graph, ...cost, nodes }));
  else writeSummary(exported, terminal);
}

function stepJson({ stage, pass, model, batch, sequence, microBatches, graph }: PassGraph) {
  const described = (values: Graph['inputs']) =>
    [...values].map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
  return {
    stage,
    pass,
    model,
    batch,
    sequence,
    microBatches,
    inputs: described(graph.inputs),
    outputs: described(graph.outputs),
  };
}

function writeSummary({ file, bytes, step, cost }: ExportedGraph, terminal: Terminal): void {
  const { colors } = terminal;
  const { parameters, activations } = cost.memory;
  terminal.line(`${stepText(step)} (${cost.operations.toLocaleString('en')} operations).`);
  terminal.line(
    [
      `${quantityText(cost.flops, 'FLOP')} per ${step.pass === 'forward' ? 'pass' : step.microBatches === 1 ? 'step' : 'micro-batch'}`,
      `${quantityText(parameters, 'B')} parameters`,
      ...(step.pass === 'training' ? [`${quantityText(cost.memory.outputs, 'B')} gradients`] : []),
      `${quantityText(activations, 'B')} activations`,
    ].join(', '),
  );
  terminal.line(`Written: ${colors.bold(file)} (${quantityText(bytes, 'B')}). https://netron.app shows it.`);
}
