/** What @tensorflow/tfjs-node-gpu 4.22 needs of Node and newer versions no longer have. */
import util from 'node:util';

/**
 * The package calls `util.isNullOrUndefined` in every operator; Node 23 removed it, and Node 22 warns of it.
 * It is put back as it was, before the package is loaded. https://nodejs.org/api/deprecations.html#DEP0051
 */
export function restoreRemovedNodeApi(): void {
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
}
