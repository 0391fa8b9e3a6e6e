/** Name and version of an engine: part of every key whose result it computes. Read without loading the engine. */
import { createRequire } from 'node:module';
import type { Engine } from './runtime.ts';

const PACKAGES: Record<Engine, string> = { onnx: 'onnxruntime-node', tensorflow: '@tensorflow/tfjs-node-gpu' };

export function engineVersion(engine: Engine): string {
  const { version } = createRequire(import.meta.url)(`${PACKAGES[engine]}/package.json`) as { version: string };
  return `${PACKAGES[engine]} ${version}`;
}
