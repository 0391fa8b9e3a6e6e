/** Why nodes are cached, stale or missing, and what differs between two keys. */
import { SwpError } from '../base/failure.ts';
import { differences, type Difference } from '../base/json-diff.ts';
import { RecordCollection } from '../cache/record-history.ts';
import { Explainer, preimageOf, type Explanation } from '../engine/explanation.ts';
import { planNodes } from './nodes.ts';
import type { Project } from './project.ts';

export function createExplainer(project: Project, history = new RecordCollection(project.cache)): Explainer {
  return new Explainer(
    project.dag,
    history,
    project.state,
    async (stage) => (await project.stages.load(stage)).packages,
  );
}

/**
 * @param words selectors; without any, all nodes that are not cached are explained
 * @returns with how many nodes were looked at
 */
export async function explainNodes(
  project: Project,
  words: readonly string[],
): Promise<{ explanations: Explanation[]; nodes: number }> {
  const planned = await planNodes(project, words);
  const selected = words.length > 0 ? planned : planned.filter(({ state }) => state !== 'cached');
  const explainer = createExplainer(project);
  return {
    explanations: await Promise.all(selected.map((each) => explainer.explain(each))),
    nodes: planned.length,
  };
}

export interface KeyComparison {
  keys: [string, string];
  /** The stage of each. */
  stages: [string, string];
  differences: Difference[];
}

/**
 * @param words how the two keys begin
 * @throws SwpError of kind `usage` for what is the beginning of no key, or of several; of kind `content` for a record
 *   that is damaged
 */
export async function compareKeys(project: Project, words: readonly [string, string]): Promise<KeyComparison> {
  const history = new RecordCollection(project.cache);
  const keys = [wholeKey(words[0], project, history), wholeKey(words[1], project, history)] as [string, string];
  const [a, b] = [await preimage(keys[0]), await preimage(keys[1])];
  return { keys, stages: [String(a.stage), String(b.stage)], differences: differences(a, b) };

  async function preimage(key: string) {
    return (await preimageOf(key, project.dag, history)) ?? unreadable(key, project);
  }
}

function wholeKey(word: string, { dag }: Project, history: RecordCollection): string {
  const usage = (message: string, expected: string) => new SwpError({ kind: 'usage', message, expected });
  if (!/^[0-9a-f]{4,64}$/.test(word))
    throw usage(
      `"${word}" is no key.`,
      'at least the first four of its 64 hexadecimal digits, or NAME=VALUE selectors',
    );
  const keys = [...new Set([...history.keysBeginning(word), ...dag.nodes().filter((key) => key.startsWith(word))])];
  if (keys.length === 1) return keys[0]!;
  if (keys.length === 0)
    throw usage(`No key begins with ${word}.`, 'a key that was recorded in this cache, or is planned in this study');
  throw usage(
    `${keys.length} keys begin with ${word}.`,
    `more digits, such as ${keys
      .slice(0, 3)
      .map((key) => key.slice(0, word.length + 4))
      .join(', ')}`,
  );
}

function unreadable(key: string, { cache }: Project): never {
  throw new SwpError({
    kind: 'content',
    path: cache.recordPath(key),
    message: 'The record is damaged',
    remedy: 'Run `swp verify` to see what else is.',
  });
}
