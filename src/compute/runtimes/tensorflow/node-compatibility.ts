/** Restores functions of Node that @tensorflow/tfjs-node-gpu 4.22 calls and that newer versions of Node removed. */
import util from 'node:util';

/**
 * The package calls `util.isNullOrUndefined` in every operator, and `util.isArray` in some. Node 23 removed the first
 * (https://nodejs.org/api/deprecations.html#DEP0051); Node 22 warns of both. They are put back as they were, before the
 * package is loaded.
 */
export function restoreRemovedNodeApi(): void {
  Object.assign(util, {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: (value: unknown) => Array.isArray(value),
  });
}
