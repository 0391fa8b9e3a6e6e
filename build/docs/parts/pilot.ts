/** What README.md says of the pilot. */
import { studySummary } from '../../../src/report/summary.ts';
import { decimal } from '../../../src/report/wording.ts';
import { measured } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { consoleBlock, inWords, type Part } from '../part.ts';

/** Rows of README's table; the others are left out there. */
const SHOWN = ['A1', 'B1', 'C1', 'ladder', 'xavier-long', 'unpruned', 'force-sw', 'A1-random'];

export const pilot: Part = {
  blocks: { 'pilot summary': summaryBlock },
  sentences: [
    { page: 'README.md', says: sizeSentence },
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

function scaleText(): string {
  return `1/${Math.round(1 / results().study.profile.scaleSteps)}`;
}

function machineText(): string {
  const { processor, node } = measured('pilot').made;
  return `${processor} with Node ${node}`;
}
