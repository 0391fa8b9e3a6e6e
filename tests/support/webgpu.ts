/**
 * Whether WebGPU works here: tried in a process of its own, since what is wrong with a graphics driver may end the
 * process. On Linux it takes a Vulkan driver; a software one will do (VK_ICD_FILENAMES names SwiftShader's, for
 * example).
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Graph } from '../../src/compute/graph/graph.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';

export function webgpuWorks(): boolean {
  const graph = new Graph();
  graph.output('y', graph.exp(graph.input('x', [1])));
  const model = Buffer.from(lowerToOnnx(graph)).toString('base64');
  const script = `
    const { InferenceSession } = require(${JSON.stringify(createRequire(import.meta.url).resolve('onnxruntime-node'))});
    InferenceSession.create(Buffer.from('${model}', 'base64'), { executionProviders: ['webgpu'] }).then(() => process.exit(0), () => process.exit(1));`;
  try {
    execFileSync(process.execPath, ['--eval', script], {
      stdio: 'ignore',
      timeout: 60_000,
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    return true;
  } catch {
    return false;
  }
}
