/** swp export: writes the graph of a node's step as an .onnx file to look at, and says what the step costs. */
import { packageVersion } from '../../base/package-root.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import { checkStandardOutput, STANDARD_OUTPUT } from '../../project/output-file.ts';
import { openProject } from '../../project/project.ts';
import { exportStepGraph, passText, writeGraph, type ExportedGraph } from '../../project/step-graph-export.ts';
import type { ExportOptions } from '../declarations/export.ts';
import { quantityText } from '../../base/quantity-text.ts';
import { labelText } from '../run-text.ts';
import { openTerminal } from '../terminal.ts';

export async function exportGraph(options: ExportOptions): Promise<void> {
  checkStandardOutput(options, process.stdout.isTTY);
  const project = await openProject(options);
  const exported = await exportStepGraph(project, options.graph, {
    version: packageVersion(),
    placeText: ({ node }) => labelText(node.labels[0]!),
  });
  const terminal = openTerminal();
  if (options.output === STANDARD_OUTPUT) {
    process.stdout.write(exported.content);
    for (const line of summaryOf(exported)) terminal.errorLine(line);
    return;
  }
  const file = await writeGraph(project, exported, options.output);
  const { graph, cost, nodes, content } = exported;
  if (options.json) return terminal.line(JSON.stringify({ file, ...passJson(exported), graph, ...cost, nodes }));
  for (const line of summaryOf(exported)) terminal.line(line);
  const size = quantityText(content.length, 'B');
  terminal.line(`Written: ${terminal.colors.bold(file)} (${size}). https://netron.app shows it.`);
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

function summaryOf({ pass, cost }: ExportedGraph): string[] {
  const { parameters, activations } = cost.memory;
  return [
    `${passText(pass)} (${cost.operations.toLocaleString('en')} operations).`,
    [
      `${quantityText(cost.flops, 'FLOP')} per ${pass.computes !== 'training' ? 'pass' : pass.microBatches === 1 ? 'step' : 'micro-batch'}`,
      `${quantityText(parameters, 'B')} parameters`,
      ...(pass.computes === 'training' ? [`${quantityText(cost.memory.outputs, 'B')} gradients`] : []),
      `${quantityText(activations, 'B')} activations`,
    ].join(', '),
  ];
}
