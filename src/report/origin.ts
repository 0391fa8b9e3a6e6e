/** Where the numbers come from, as the cache's records tell it: printed with each answer, never part of the results. */

import type { Results } from '../generated/results.ts';

/** One set of circumstances under which nodes ran. */
export interface Circumstances {
  /** How many of the nodes behind the results. */
  nodes: number;
  /** `swp 0.1.0 at 1a2b3c4d5e6f (changed), Node 22.1, onnxruntime 1.30.0`. */
  software: string;
  /** `Intel Xeon, 2 cores, linux x64`. */
  machine: string;
}

export interface Origin {
  circumstances: Circumstances[];
}

/** The recipe keys of every node that the results name, each once. */
export function recipeKeys({ runs }: Pick<Results, 'runs'>): string[] {
  return [
    ...new Set(
      runs.flatMap(({ measurements, curves }) => [
        ...measurements.flatMap(({ keys }) => Object.values(keys)),
        ...curves.map(({ key }) => key),
      ]),
    ),
  ];
}

/** A record's environment in words; records with equal words are counted together, the most frequent first. */
export function originOf(environments: readonly Record<string, unknown>[]): Origin {
  const found = new Map<string, Circumstances>();
  for (const environment of environments) {
    const software = softwareText(environment);
    const machine = machineText(environment);
    const known = found.get(`${software}\n${machine}`);
    if (known === undefined) found.set(`${software}\n${machine}`, { nodes: 1, software, machine });
    else known.nodes += 1;
  }
  return { circumstances: [...found.values()].sort((a, b) => b.nodes - a.nodes) };
}

function softwareText({ swp, git, node, onnxruntime }: Record<string, unknown>): string {
  const { commit, dirty } = (git ?? {}) as { commit?: unknown; dirty?: unknown };
  const at =
    typeof commit === 'string'
      ? ` at commit ${commit.slice(0, 12)}${dirty === true ? ' with uncommitted changes' : ''}`
      : '';
  return [
    `swp ${text(swp)}${at}`,
    `Node ${text(node)}`,
    ...(onnxruntime === null || onnxruntime === undefined ? [] : [`onnxruntime ${text(onnxruntime)}`]),
  ].join(', ');
}

function machineText({ cpu, cpus, platform, arch }: Record<string, unknown>): string {
  return `${text(cpu)}${typeof cpus === 'number' ? `, ${cpus} ${cpus === 1 ? 'core' : 'cores'}` : ''}, ${text(platform)} ${text(arch)}`;
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown';
}
