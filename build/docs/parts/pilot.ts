/** What README.md and docs/report.md say of the pilot: its table, what pruning cost, what became of super weights. */
import { listed } from '../../../src/base/listed.ts';
import { prunedArms } from '../../../src/report/pruned-arms.ts';
import { studySummary } from '../../../src/report/summary.ts';
import { decimal, differenceText, experimentPhrase, percent } from '../../../src/report/wording.ts';
import type { ExperimentResult } from '../../../src/generated/results.ts';
import { measured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { consoleBlock, inWords, markdownTable, type Part } from '../part.ts';

/** Rows of README's table; the others are left out there. */
const SHOWN = ['A1', 'B1', 'C1', 'ladder', 'xavier-long', 'unpruned', 'force-sw', 'A1-random'];
/** Arms whose cost README compares with the control that trains as they do. */
const COMPARED = ['A1', 'A1-protect', 'A1-random', 'force-sw', 'prune90'];
const CONTROL = 'unpruned';

export const pilot: Part = {
  blocks: { 'pilot summary': summaryBlock, 'pilot cost': costBlock },
  sentences: [
    { page: 'README.md', says: sizeSentence },
    { page: 'README.md', says: controlSentence },
    { page: 'README.md', says: keptSentence },
    { page: 'README.md', says: effectSentence },
    { page: 'README.md', says: xavierSentence },
    {
      page: 'README.md',
      says: () =>
        says`The pilot trains for ${scaleText()} of the declared study's training steps, and n is ${seeds()}.`,
    },
    { page: 'README.md', says: () => says`computed on an ${machineText()}. ` },
  ],
};

function results() {
  return measured('pilot').results;
}

function experimentOf(id: string): ExperimentResult {
  return results().experiments.find((experiment) => experiment.id === id)!;
}

function seeds(): number {
  return Math.max(...results().study.experiments.map(({ seeds }) => seeds.length));
}

/** The summary that the terminal shows, with some of its rows. */
function summaryBlock(): string {
  const { lines } = studySummary(results());
  const head = lines.findIndex((line) => line.startsWith('experiment '));
  const end = lines.findIndex((line, i) => i > head && line.startsWith('entropy floor'));
  const rows = lines.slice(head + 1, end).filter((line) => SHOWN.some((id) => line.startsWith(`${id} `)));
  const floors = lines.slice(end, end + 2).filter((line) => /^(entropy floor|of the sample) /.test(line));
  return consoleBlock([lines[head]!, ...rows, '...', ...floors]);
}

function sizeSentence(): Wording {
  const { nodes } = measured('pilot');
  const { study, runs } = results();
  const each = inWords(runs.length / study.experiments.length);
  return says`runs the pilot study: ${inWords(study.experiments.length)} experiments with ${each} seeds each, ${decimal(nodes, 0)} nodes,`;
}

/** What each arm's final loss is above that of the control which starts and trains as it does. */
function costBlock(): string {
  const { study } = results();
  const rows = COMPARED.map((id) => {
    const declared = study.experiments.find((experiment) => experiment.id === id)!;
    const { points, sameAs, toControl } = experimentOf(id);
    const name = `\`${id}\`: ${experimentPhrase(study, declared)}`;
    const sparsity = percent(points.at(-1)!.sparsity.mean!);
    if (sameAs !== null) return [name, sparsity, `the same computations as \`${sameAs}\``];
    if (toControl === null || toControl.baseline !== CONTROL)
      throw new Error(`${id} has no difference to ${CONTROL} in the pilot's results, with which README compares it.`);
    return [name, sparsity, `${differenceText(toControl)} (n ${toControl.n})`];
  });
  return markdownTable(['arm', 'sparsity', `nats above \`${CONTROL}\`, 95 % interval`], rows);
}

/** How the control's own loss changed by its training: it is what pruning is measured against, not the start. */
function controlSentence(): Wording {
  const { points } = experimentOf(CONTROL);
  const [start, end] = [points.find(({ phase }) => phase === 'start')!, points.at(-1)!].map(({ loss }) => loss.mean!);
  const run = results().runs.find(({ experiment }) => experiment === CONTROL)!;
  const change = end! - start!;
  const verb = change < 0 ? 'gained' : 'lost';
  return says`The control itself ${verb} ${decimal(Math.abs(change), 4)} nats by its ${run.measurements.at(-1)!.step!} training steps: from ${decimal(start!, 4)} to ${decimal(end!, 4)}.`;
}

/** A run's last detection of its super weight, with what zeroing it cost when it was confirmed. */
interface Fate {
  readonly experiment: string;
  readonly seed: number;
  readonly confirmed: number;
  readonly end: number;
  readonly kept: boolean;
}

/** Runs that are pruned by a criterion and had a super weight to follow; what is one computation counts once. */
function fates(): Fate[] {
  const arms = new Set(prunedArms(results()).map(({ id }) => id));
  const runs = results().runs.filter(({ experiment }) => arms.has(experiment));
  return distinct(runs, ({ computation }) => computation).flatMap(({ experiment, seed, reference, measurements }) => {
    const [confirmed] = reference?.superWeights ?? [];
    const last = measurements.at(-1)?.survival;
    const weight = last?.status === 'measured' ? last.weights[0] : undefined;
    if (confirmed === undefined || weight === undefined || weight.effect === null) return [];
    return [{ experiment, seed, confirmed: confirmed.effect, end: weight.effect, kept: weight.kept }];
  });
}

/** The first of each computation. */
function distinct<Item>(items: readonly Item[], computation: (item: Item) => string): Item[] {
  return [...new Map(items.toReversed().map((item) => [computation(item), item])).values()].reverse();
}

function keptSentence(): Wording {
  const all = fates();
  return says`in ${all.filter(({ kept }) => kept).length} of ${all.length} pruned runs that had a super weight its magnitude kept it out of the mask`;
}

function effectSentence(): Wording {
  const all = fates();
  const risen = all.filter(({ confirmed, end }) => end >= confirmed);
  const exceptions =
    risen.length === 0
      ? 'in none it costs more'
      : `it costs more in ${listed(risen.map(({ experiment, seed }) => `\`${experiment}\` seed ${seed}`))}`;
  return says`zeroing it costs less at the end than when it was confirmed in ${all.length - risen.length} of ${all.length}; ${exceptions}.`;
}

/** In how many runs from Xavier's initialisation a super weight was confirmed at the end of the first training. */
function emerged(id: string): { k: number; n: number; steps: number } {
  const runs = results().runs.filter(({ experiment }) => experiment === id);
  const trained = runs.map(({ measurements }) => measurements.find(({ phase }) => phase === 'trained')!);
  const looks = distinct(trained, ({ computation }) => computation);
  return {
    k: looks.filter(({ detection }) => (detection?.confirmed?.length ?? 0) > 0).length,
    n: looks.length,
    steps: looks[0]!.step!,
  };
}

function xavierSentence(): Wording {
  const [long, short] = [emerged('xavier-long'), emerged('C1')];
  return says`From Xavier's initialisation, a super weight emerged in ${inWords(long.k)} of ${inWords(long.n)} runs after ${decimal(long.steps, 0)} training steps, as many as the pretraining had (\`xavier-long\`), and in ${inWords(short.k)} of ${inWords(short.n)} after ${decimal(short.steps, 0)} (\`C1\`).`;
}

function scaleText(): string {
  return `1/${Math.round(1 / results().study.profile.scaleSteps)}`;
}

function machineText(): string {
  const { processor, node } = measured('pilot').made;
  return `${processor} with Node ${node}`;
}
