/** What people call a bundle: by the runs that it is for, and where that is not enough, by what of them it has. */
import { groupBy } from '../../../base/groups.ts';
import type { NodeLabel } from '../../stage.ts';
import type { Part, Run } from './bundle-parts.ts';
import type { BundleWork } from './bundle-work.ts';

/** So that a list of jobs stays a table. */
const MOST_CHARACTERS = 40;

/** Several experiments are listed up to this length. */
const MOST_LISTED = 24;

interface Named {
  /** `A1`, or `A1, A2`. */
  experiments: string;
  /** Of more than can be listed: ` and 13 more`. */
  more: string;
  /** `/s0`, `/s0-s2`, `/7 runs`. */
  seeds: string;
  /** Its nodes, each as it stands in one of the part's runs. */
  labels: readonly NodeLabel[];
}

/** @returns names of at most 40 characters, no two the same */
export function nameParts(parts: readonly Part[], work: BundleWork): string[] {
  const named = parts.map((part) => nameOf(part, work));
  const names = new Array<string>(parts.length);
  const sharing = groupBy(named.keys(), (index) => joined(named[index]!, ''));
  for (const indexes of sharing.values()) {
    const suffix = [() => '', roundsOf, stepsOf].find(
      (suffixOf) => new Set(indexes.map((index) => suffixOf(named[index]!.labels))).size === indexes.length,
    );
    for (const index of indexes) names[index] = joined(named[index]!, (suffix ?? stepsOf)(named[index]!.labels));
  }
  return numbered(names);
}

function nameOf({ nodes, runs, isGathering }: Part, work: BundleWork): Named {
  const planned = nodes.map((key) => work.nodes.get(key)!);
  const isOwn = ({ experiment, seed }: NodeLabel) =>
    [...runs].some((run) => run.experiment === experiment && run.seed === seed);
  const labels = planned.map(({ labels }) => labels.find(isOwn) ?? labels[0]!);
  // It stands in no run.
  if (isGathering) return { experiments: labels[0]!.step, more: '', seeds: '', labels };
  return { ...nameOfRuns(runs), labels };
}

function nameOfRuns(runs: ReadonlySet<Run>): Omit<Named, 'labels'> {
  const experiments = [...new Set([...runs].map(({ experiment }) => experiment))];
  const seeds = [...new Set([...runs].map(({ seed }) => seed))].sort((a, b) => a - b);
  const list = experiments.join(', ');
  const isListed = experiments.length === 1 || list.length <= MOST_LISTED;
  return {
    experiments: isListed ? list : experiments[0]!,
    more: isListed ? '' : ` and ${experiments.length - 1} more`,
    seeds: runs.size === experiments.length * seeds.length ? `/${seedsText(seeds)}` : `/${runs.size} runs`,
  };
}

function seedsText(seeds: readonly number[]): string {
  const [first, last] = [seeds[0]!, seeds.at(-1)!];
  if (seeds.length === 1) return `s${first}`;
  return last - first === seeds.length - 1 ? `s${first}-s${last}` : `${seeds.length} seeds`;
}

/** `/r1`, `/r1-r3`. */
function roundsOf(labels: readonly NodeLabel[]): string {
  const rounds = labels.map(({ round }) => round);
  const [first, last] = [Math.min(...rounds), Math.max(...rounds)];
  return first === last ? `/r${first}` : `/r${first}-r${last}`;
}

/** `/r1/prune`, `/r1/train +2`. */
function stepsOf(labels: readonly NodeLabel[]): string {
  const steps = new Set(labels.map(({ step }) => step));
  const [first] = steps;
  return `${roundsOf(labels)}/${first}${steps.size === 1 ? '' : ` +${steps.size - 1}`}`;
}

/** Where it is too long, the experiments' names are cut: where in them it stands is what differs. */
function joined({ experiments, more, seeds }: Named, suffix: string): string {
  const end = `${more}${seeds}${suffix}`;
  return `${shortened(experiments, MOST_CHARACTERS - end.length)}${end}`.slice(0, MOST_CHARACTERS);
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(4, length - 2))}..`;
}

/** Names that are still the same get a number. */
function numbered(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; seen.has(unique) || (unique !== name && taken.has(unique)); number++) {
      const end = ` #${number}`;
      unique = `${name.slice(0, MOST_CHARACTERS - end.length)}${end}`;
    }
    seen.add(unique);
    return unique;
  });
}
