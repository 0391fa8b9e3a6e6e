/** Versions of the libraries on which bits depend, as records keep them of a node's environment. */
import type { JsonObject } from '../../base/json.ts';
import { onnxPackage } from './onnx/onnx-package.ts';

/** Read without loading the libraries. */
export function recordedVersions(): JsonObject {
  return { onnxruntime: onnxPackage().version };
}
