/**
 * Selectors: which nodes a command means. `name=value,value` with globs; different names must all hold, values of one
 * name are alternatives: `stage=prune experiment=A1,B* round=2`.
 */
import { SwpError } from '../base/failure.ts';
import { globMatcher } from '../base/glob.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { NodeLabel } from '../engine/stage.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { WHOLE_STUDY } from './whole-study.ts';

const SELECTABLE = ['stage', 'experiment', 'seed', 'round', 'step', 'key'] as const;
type Selectable = (typeof SELECTABLE)[number];

/** Patterns by name; no patterns at all select everything. */
export type Selector = Map<Selectable, string[]>;

/** @throws SwpError kind `usage` for what is no selector */
export function parseSelector(words: readonly string[]): Selector {
  const selector: Selector = new Map();
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    const values =
      equals === -1
        ? []
        : word
            .slice(equals + 1)
            .split(',')
            .filter((value) => value !== '');
    if (!isSelectable(name))
      throw new SwpError({
        kind: 'usage',
        message: equals === -1 ? `${quoted(word)} is no selector.` : `Nothing can be selected by ${quoted(name)}.`,
        expected: `NAME=VALUE[,VALUE...] with one of ${listNames(SELECTABLE)}, such as stage=train experiment=A*`,
        suggestion: equals === -1 ? undefined : nearestName(name, SELECTABLE),
      });
    if (values.length === 0)
      throw new SwpError({
        kind: 'usage',
        message: `${quoted(word)} has no value.`,
        expected: `${name}=VALUE[,VALUE...]`,
      });
    selector.set(name, [...(selector.get(name) ?? []), ...values]);
  }
  return selector;
}

/**
 * The nodes that a selector means, in the given order. A node is meant if one of the places it serves is.
 * @throws SwpError kind `usage` if a value names nothing, or if nothing is left
 */
export function selectNodes(nodes: readonly PlannedNode[], selector: Selector): PlannedNode[] {
  return [...new Set(selectPlaces(nodes, selector).map(({ node }) => node))];
}

/**
 * The places in the study that a selector means, each with its node.
 * @throws SwpError as selectNodes
 */
export function selectPlaces(
  nodes: readonly PlannedNode[],
  selector: Selector,
): { node: PlannedNode; label: NodeLabel }[] {
  for (const [name, patterns] of selector) checkPatterns(nodes, name, patterns);
  const matchers = [...selector].map(([name, patterns]) => ({ name, matches: matcherOf(name, patterns) }));
  const selected = nodes.flatMap((node) =>
    node.labels
      .filter((label) => matchers.every(({ name, matches }) => matches(valueOf(node, label, name))))
      .map((label) => ({ node, label })),
  );
  if (selected.length === 0) {
    const words = [...selector].map(([name, patterns]) => `${name}=${written(patterns.join(','))}`).join(' ');
    throw new SwpError({
      kind: 'usage',
      message: `No node of this profile is ${words}.`,
      expected: 'a selector that some node fits: `swp status` lists them',
    });
  }
  return selected;
}

/** As it was written, but for its length and what a terminal would obey. */
function written(pattern: string): string {
  return quoted(pattern).slice(1, -1);
}

function isSelectable(name: string): name is Selectable {
  return (SELECTABLE as readonly string[]).includes(name);
}

function checkPatterns(nodes: readonly PlannedNode[], name: Selectable, patterns: string[]): void {
  const known = new Set(nodes.flatMap((node) => node.labels.map((label) => valueOf(node, label, name))));
  for (const pattern of patterns) {
    const matches = matcherOf(name, [pattern]);
    if ([...known].some(matches)) continue;
    const shown =
      name === 'key'
        ? undefined
        : listNames([...known].filter((value) => value !== WHOLE_STUDY).sort(byNumberOrName), 24);
    throw new SwpError({
      kind: 'usage',
      message: `No node of this profile has ${name}=${written(pattern)}.`,
      expected: shown ?? 'the beginning of a key as `swp status --json` shows it',
      suggestion: name === 'key' ? undefined : nearestName(pattern, known),
    });
  }
}

/** Keys are long: their beginning is enough. */
function matcherOf(name: Selectable, patterns: string[]): (value: string) => boolean {
  if (name === 'key') return (value) => patterns.some((pattern) => value.startsWith(pattern.toLowerCase()));
  return globMatcher(patterns);
}

function valueOf(node: PlannedNode, label: NodeLabel, name: Selectable): string {
  if (name === 'stage') return node.stage.name;
  if (name === 'key') return node.key;
  if (label.experiment === WHOLE_STUDY && name !== 'step') return WHOLE_STUDY; // such as aggregate: it has no seed
  return String(label[name]);
}

function byNumberOrName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
