/** Runs a study in a checkout, with the checkout's own program, and reads what came of it. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Item, Listing } from './compare-listings.ts';

export interface Checkout {
  /** Absolute. */
  directory: string;
  /** Absolute. */
  cache: string;
  profile: string;
  /** Relative to the checkout; undefined: the study at its root. */
  pipeline: string | undefined;
}

/** The part of `swp show --json` that is read here. */
interface ShownNode {
  key: string;
  stage: string;
  round: number;
  step: string;
  runs: { experiment: string; seed: number }[];
  artifacts: Record<string, string | null>;
  metrics: Record<string, unknown>;
  record: { artifacts: Record<string, { sha256: string }> };
}

/** Computes what is missing in the cache, renders the report, and reads both. */
export function readListing(checkout: Checkout): Listing {
  const events = swp(checkout, 'repro').trimEnd().split('\n');
  const summary = JSON.parse(events.at(-1)!) as { event: string; report: string };
  const shown = JSON.parse(swp(checkout, 'show', 'stage=*')) as { nodes: ShownNode[] } | ShownNode;
  const nodes = 'nodes' in shown ? shown.nodes : [shown];
  return {
    items: new Map([...nodes.flatMap(nodeItems), ...reportItems(dirname(summary.report))]),
    places: new Map(nodes.map((node) => [node.key, places(node).join(', ')])),
  };
}

function swp({ directory, cache, profile, pipeline }: Checkout, command: string, ...rest: string[]): string {
  const options = ['--profile', profile, '--cache', cache, '--json'];
  if (pipeline !== undefined) options.push('--pipeline', pipeline);
  return execFileSync(process.execPath, [join('bin', 'swp.js'), command, ...rest, ...options], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** One place for each run that the node belongs to; a node of the whole study has one. */
function places({ runs, round, step }: ShownNode): string[] {
  if (runs.length === 0) return [`study ${step}`];
  return runs.map(({ experiment, seed }) => `${experiment} seed ${seed} round ${round} ${step}`);
}

function nodeItems(node: ShownNode): [string, Item][] {
  const { stage } = node;
  const artifacts = Object.entries(node.artifacts).map(([name, path]): [string, Item] => {
    const content = path !== null && existsSync(path) ? readFileSync(path) : null;
    // The file rather than what its record says, so that a damaged one is found.
    const sha256 = content === null ? node.record.artifacts[name]!.sha256 : digest(content);
    return [name, { stage, kind: `${stage}.${name}`, content, sha256 }];
  });
  const metrics = Buffer.from(JSON.stringify(node.metrics));
  artifacts.push(['metrics', { stage, kind: `${stage}.metrics`, content: metrics, sha256: digest(metrics) }]);
  return places(node).flatMap((place) => artifacts.map(([name, item]): [string, Item] => [`${place}: ${name}`, item]));
}

function reportItems(directory: string): [string, Item][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const name = `report/${path.slice(directory.length + 1).replaceAll('\\', '/')}`;
      const content = readFileSync(path);
      return [name, { stage: undefined, kind: name, content, sha256: digest(content) }];
    });
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
