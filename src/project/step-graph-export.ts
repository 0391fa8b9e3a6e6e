/** The graph of a node's training step or forward pass, as an .onnx file, and what the step costs. */
import { digestJson } from '../base/digest.ts';
import { addTo } from '../base/groups.ts';
import type { JsonObject } from '../base/json.ts';
import { SwpError } from '../base/failure.ts';
import { replaceFile } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { countMatmulFlops } from '../compute/graph/flops.ts';
import type { Graph } from '../compute/graph/graph.ts';
import { countMemory } from '../compute/graph/memory.ts';
import { graphHash } from '../compute/runtimes/onnx/graph-hash.ts';
import { lowerToOnnx } from '../compute/runtimes/onnx/lowering.ts';
import type { PlannedState } from '../engine/plan.ts';
import { readModelConfig } from '../model/model-config.ts';
import { locateModel, modelLabels } from '../model/model-name.ts';
import { buildPassGraph, type Pass } from '../model/pass-graph.ts';
import { GRAPH_STAGES, passOf } from '../science/stage-work.ts';
import { planNodes } from './nodes.ts';
import { outputFile } from './output-file.ts';
import type { Project } from './project.ts';

/** Of an ambiguous selector, so many graphs are listed. */
const SHOWN_GRAPHS = 8;

export interface StepCost {
  operations: number;
  flops: number;
  memory: ReturnType<typeof countMemory>;
}

export interface ExportedGraph {
  /** The .onnx file. */
  content: Uint8Array;
  stage: string;
  pass: Pass;
  contents: Graph;
  /** Hash of the graph. */
  graph: string;
  cost: StepCost;
  /** Keys of the selected nodes that run it. */
  nodes: string[];
}

/**
 * Makes the file; `writeGraph` writes it.
 * @param words selectors of nodes that all run the same graph
 * @param version of this swp, which the file names as its producer
 * @throws SwpError of kind `usage` if none of the nodes runs a graph, or if they run several
 */
export async function exportStepGraph(
  project: Project,
  words: readonly string[],
  { version, placeText }: { version: string; placeText: (node: PlannedState) => string },
): Promise<ExportedGraph> {
  const nodes = nodesOfOneGraph(await planNodes(project, words), project, placeText);
  const { node } = nodes[0]!;
  const stage = node.stage.name;
  const located = passOfNode(node, project);
  const contents = await buildPassGraph(located);
  const config = { ...(await readModelConfig(located.model)) } as JsonObject;
  const pass = { ...located, model: labelOf(node, project) };
  const cost = costOf(contents);
  const graph = graphHash(contents);
  const content = lowerToOnnx(contents, {
    producerVersion: version,
    text: passText(pass),
    metadata: {
      stage,
      model: pass.model,
      configuration: digestJson(config),
      batch: `${pass.batch}`,
      sequence: `${pass.sequence}`,
      microBatches: `${pass.microBatches}`,
      graph,
      flops: `${cost.flops}`,
    },
  });
  return {
    content,
    stage,
    pass,
    contents,
    graph,
    cost,
    nodes: nodes.map(({ node: { key } }) => key),
  };
}

/** E.g. `A training step of marker-retrieval, batch 16 x 64: loss and gradients`. */
export function passText({ computes, model, batch, sequence, microBatches }: Pass): string {
  const shape = `of ${model}, batch ${batch} x ${sequence}`;
  if (computes !== 'training') return `A forward pass ${shape}`;
  return microBatches === 1
    ? `A training step ${shape}: loss and gradients`
    : `One of the ${microBatches} micro-batches of a training step ${shape}: loss and gradients`;
}

function nodesOfOneGraph(
  selected: readonly PlannedState[],
  project: Project,
  placeText: (node: PlannedState) => string,
): PlannedState[] {
  const groups = new Map<string, PlannedState[]>();
  for (const planned of selected) {
    const { stage } = planned.node;
    if (!GRAPH_STAGES.includes(stage.name)) continue;
    const identity = JSON.stringify([stage.name, passOfNode(planned.node, project)]);
    addTo(groups, identity, planned);
  }
  const [nodes] = groups.values();
  if (nodes === undefined)
    throw new SwpError({
      kind: 'usage',
      message: 'None of the selected nodes runs a graph.',
      expected: `a node of ${GRAPH_STAGES.slice(0, -1).join(', ')} or ${GRAPH_STAGES.at(-1)!}`,
    });
  if (groups.size === 1) return nodes;
  const lines = [...groups.values()].map(([first]) => {
    const { stage } = first!.node;
    const { batch, sequence } = passOfNode(first!.node, project);
    const model = labelOf(first!.node, project);
    return `    ${stage.name} of ${model}, batch ${batch} x ${sequence}: such as ${placeText(first!)}`;
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

/** What reports call a node's model: a path would say where it lies. */
function labelOf({ params }: PlannedState['node'], { study }: Project): string {
  const name = String(params.model);
  return modelLabels([...study.experiments.map(({ model }) => model), name], study.root).get(name)!;
}

function passOfNode({ stage, params }: PlannedState['node'], { study }: Project): Pass {
  return passOf(stage.name, { ...params, model: locateModel(String(params.model), study.root) });
}

/** From the graph alone. */
function costOf(graph: Graph): StepCost {
  return {
    operations: graph.reachable().filter(({ operation: { op } }) => op !== 'input' && op !== 'constant').length,
    flops: countMatmulFlops(graph),
    memory: countMemory(graph),
  };
}

/**
 * @param output as of outputFile; `STAGE.onnx` in the working folder if absent
 * @returns absolute path
 * @throws SwpError as of outputFile
 */
export async function writeGraph(project: Project, graph: ExportedGraph, output: string | undefined): Promise<string> {
  const { content, stage } = graph;
  const begins = Buffer.from(content.subarray(0, 1)).toString('latin1'); // every .onnx file begins with its version
  const file = outputFile(project, output, { what: '.onnx file', begins, name: `${stage}.onnx` });
  await replaceFile(file, content).catch((error: unknown) => {
    throw fileFailure(error, file, 'write', 'Choose another place with --output FILE.');
  });
  return file;
}
