/** Name and version of the engine: part of every key whose result it computes. */
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };

export const runtimeVersion = `onnxruntime-node ${version}`;
