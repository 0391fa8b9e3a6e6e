/** swp export: writes the graph of a node's step as an .onnx file to look at, and says what the step costs. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Graph } from '../../compute/graph/graph.ts';
import { SwpError } from '../../base/failure.ts';
import type { PlannedState } from '../../engine/plan.ts';
import type { StepGraph } from '../../model/step-graph.ts';
import { SELECTOR_HELP, withProjectOptions } from '../help.ts';
import type { ProjectOptions } from '../../project/location.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

/** Of an ambiguous selector, so many graphs are listed. */
const SHOWN_GRAPHS = 8;

interface ExportOptions extends ProjectOptions {
  graph: string[];
  output?: string;
}

export function declareExport(program: Command): Command {
  const command = program
    .command('export')
    .description("Write the graph of a node's step as an .onnx file that Netron opens, and say what the step costs.")
    .requiredOption('--graph <selectors...>', 'which node, e.g. stage=train experiment=A1')
    .option('--output <file>', 'where to (default: STAGE.onnx here)')
    .addHelpText(
      'after',
      `
Examples:
  swp export --graph stage=train                        train.onnx: loss and gradients of one batch
  swp export --graph step=eval --output forward.onnx    a forward pass
  swp export --graph stage=train --json                 {"file", "graph", "flops", "memory", "inputs", "outputs", ...}

Nodes are named by module and operation; those of the backward pass begin with backward/. https://netron.app shows the
file. Several nodes may be selected if they run the same graph: the model, the batch and the sequence length decide that.
${SELECTOR_HELP}`,
    )
    .action(exportGraph);
  return withProjectOptions(command);
}

async function exportGraph(options: ExportOptions): Promise<void> {
  const [{ openProject, planProject, selectPlanned }, { buildStepGraph }, { lowerToOnnx }, { graphHash }, { version }] =
    await Promise.all([
      import('../../project/project.ts'),
      import('../../model/step-graph.ts'),
      import('../../compute/runtimes/onnx/lowering.ts'),
      import('../../compute/runtimes/onnx/graph-hash.ts'),
      import('../version.ts'),
    ]);
  const project = await openProject(options);
  const nodes = await nodesOfOneGraph(selectPlanned(await planProject(project), options.graph));
  const { node } = nodes[0]!;
  const step = await buildStepGraph(node.stage.name, node.params);
  const cost = await costOf(step.graph);
  const graph = graphHash(step.graph);
  const file = resolve(options.output ?? `${step.stage}.onnx`);
  const bytes = lowerToOnnx(step.graph, {
    producerVersion: version,
    text: stepText(step),
    metadata: {
      stage: step.stage,
      model: step.model,
      batch: `${step.batch}`,
      sequence: `${step.sequence}`,
      microBatches: `${step.microBatches}`,
      graph,
      flops: `${cost.flops}`,
    },
  });
  await write(file, bytes);
  const terminal = openTerminal();
  if (options.json)
    terminal.line(
      JSON.stringify({ file, ...stepJson(step), graph, ...cost, nodes: nodes.map(({ node: { key } }) => key) }),
    );
  else await writeSummary(step, cost, { file, size: bytes.length }, terminal);
}

/** @throws SwpError of kind `usage` if none of the nodes runs a graph, or if they run several */
async function nodesOfOneGraph(selected: PlannedState[]): Promise<PlannedState[]> {
  const { graphStages, stepGraphIdentity, stepOf } = await import('../../model/step-graph.ts');
  const groups = new Map<string, PlannedState[]>();
  for (const planned of selected) {
    const { stage, params } = planned.node;
    if (!graphStages.includes(stage.name)) continue;
    const identity = stepGraphIdentity(stage.name, params);
    groups.set(identity, [...(groups.get(identity) ?? []), planned]);
  }
  const [nodes] = groups.values();
  if (nodes === undefined)
    throw new SwpError({
      kind: 'usage',
      message: 'None of the selected nodes runs a graph.',
      expected: `a node of ${graphStages.slice(0, -1).join(', ')} or ${graphStages.at(-1)!}`,
    });
  if (groups.size === 1) return nodes;
  const { labelText } = await import('../run-text.ts');
  const lines = [...groups.values()].map(([first]) => {
    const { stage, params, labels } = first!.node;
    const { model, batch, sequence } = stepOf(params);
    return `    ${stage.name} of ${model}, batch ${batch} x ${sequence}: such as ${labelText(labels[0]!)}`;
  });
  const more = lines.length > SHOWN_GRAPHS ? [`    ... and ${lines.length - SHOWN_GRAPHS} more`] : [];
  throw new SwpError({
    kind: 'usage',
    message: [`The selected nodes run ${groups.size} different graphs:`, ...lines.slice(0, SHOWN_GRAPHS), ...more].join(
      '\n',
    ),
    expected: 'a selector for one of them',
  });
}

/** What a step costs, from the graph alone. */
async function costOf(graph: Graph) {
  const [{ countMatmulFlops }, { countMemory }] = await Promise.all([
    import('../../compute/graph/flops.ts'),
    import('../../compute/graph/memory.ts'),
  ]);
  return {
    operations: graph.reachable().filter(({ operation: { op } }) => op !== 'input' && op !== 'constant').length,
    flops: countMatmulFlops(graph),
    memory: countMemory(graph),
  };
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes).catch((error: NodeJS.ErrnoException) => {
    throw new SwpError(
      {
        kind: 'file',
        path: file,
        operation: 'write',
        code: error.code ?? 'unknown',
        remedy: 'Choose another place with --output FILE.',
      },
      { cause: error },
    );
  });
}

/** E.g. `A training step of marker-retrieval, batch 16 x 64: loss and gradients`. */
function stepText({ pass, model, batch, sequence, microBatches }: StepGraph): string {
  const shape = `of ${model}, batch ${batch} x ${sequence}`;
  if (pass === 'forward') return `A forward pass ${shape}`;
  return microBatches === 1
    ? `A training step ${shape}: loss and gradients`
    : `One of the ${microBatches} micro-batches of a training step ${shape}: loss and gradients`;
}

function stepJson({ stage, pass, model, batch, sequence, microBatches, graph }: StepGraph) {
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

async function writeSummary(
  step: StepGraph,
  cost: Awaited<ReturnType<typeof costOf>>,
  written: { file: string; size: number },
  terminal: Terminal,
): Promise<void> {
  const { quantityText } = await import('../quantity-text.ts');
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
  terminal.line(
    `Written: ${colors.bold(written.file)} (${quantityText(written.size, 'B')}). https://netron.app shows it.`,
  );
}
