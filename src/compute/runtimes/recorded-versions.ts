/** Versions of what computes, as records keep them of a node's environment. */
import type { JsonObject } from '../../base/json.ts';
import { generatorOfThisMachine } from './exact/generators.ts';
import { onnxPackage } from './onnx/onnx-package.ts';

/** Read without loading the libraries; `exact` is how the exact engine's programs are executed here. */
export function recordedVersions(): JsonObject {
  return { onnxruntime: onnxPackage().version, exact: generatorOfThisMachine().name };
}
