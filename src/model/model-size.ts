/** How large a model is: which defaults a study has that names it and says no more. */
import { elementCount } from '../base/element-count.ts';
import { tensorsIfKnown } from './model-fingerprint.ts';

/** Parameters. The built-in models have 75,600; published ones, for which the others are made, 100 million and more. */
const LARGE = 10_000_000;

const known = new Map<string, Promise<boolean>>();

/**
 * Whether a model has the defaults of large ones; false of one that is not known. Read once in a process.
 * @param model as locateModel gives it
 */
export function isLargeModel(model: string): Promise<boolean> {
  const isLarge = known.get(model) ?? read(model);
  known.set(model, isLarge);
  return isLarge;
}

async function read(model: string): Promise<boolean> {
  const tensors = await tensorsIfKnown(model);
  if (tensors === undefined) return false;
  return [...tensors.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0) >= LARGE;
}
