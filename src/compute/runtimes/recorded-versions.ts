/** Versions of the libraries on which bits depend, as records keep them of a node's environment. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import type { JsonObject } from '../../base/json.ts';

/** As swp declares them. Read without loading the libraries. */
export function recordedVersions(): JsonObject {
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  return { onnxruntime: dependencies?.['onnxruntime-node'] ?? null };
}
