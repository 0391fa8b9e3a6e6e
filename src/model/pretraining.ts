/** For how long a model was pretrained, as the study in its folder says: pipeline.json, its recipe. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { configPath } from './model-config.ts';
import { isPublished } from './open-published.ts';
import { isStandIn, readModelStandIn } from './stand-in.ts';

/** The study that trained a model's checkpoints. */
export function recipePath(model: string): string {
  return join(dirname(configPath(model)), 'pipeline.json');
}

/**
 * Training steps of a model's checkpoints.
 * @returns undefined where the model has no recipe, or one that is no single training: then they are not known
 */
export async function pretrainingSteps(model: string): Promise<number | undefined> {
  if (isStandIn(model)) return readModelStandIn(model).pretraining ?? undefined;
  if (isPublished(model)) return undefined; // what lies beside it is no recipe of swp's
  const text = await readFile(recipePath(model), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { experiments } = JSON.parse(text) as Recipe;
    const [only, ...others] = Object.values(experiments ?? {});
    const steps = only?.params?.train?.steps;
    return others.length === 0 && only?.rounds === 0 && Number.isInteger(steps) ? steps : undefined;
  } catch {
    return undefined;
  }
}

interface Recipe {
  experiments?: Record<string, { rounds?: number; params?: { train?: { steps?: number } } }>;
}
