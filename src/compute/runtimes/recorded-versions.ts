/** Versions of what computes, as records keep them of a node's environment. */
import { SwpError } from '../../base/failure.ts';
import type { JsonObject } from '../../base/json.ts';
import { generatorOfThisMachine } from './exact/generators.ts';
import { onnxPackage } from './onnx/onnx-package.ts';

/** Read without loading the libraries; `exact` is how the exact engine's programs are executed here. */
export function recordedVersions(): JsonObject {
  return { onnxruntime: onnxPackage().version, exact: generatorName() };
}

/** Null where SWP_EXACT_CODE names what is not there: nodes of other engines run all the same. */
function generatorName(): string | null {
  try {
    return generatorOfThisMachine().name;
  } catch (error) {
    if (error instanceof SwpError) return null;
    throw error;
  }
}
