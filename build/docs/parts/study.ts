/** A study as a whole, with every engine and as a script in PyTorch: docs/compute.md, from bench/study.ts. */
import { measured, type Contender } from '../measured.ts';
import { says, type Wording } from '../pages.ts';
import { inWords, markdownTable, type Part } from '../part.ts';

const COMPUTE = 'docs/compute.md';

const NAMES: Readonly<Record<Contender, string>> = {
  eager: 'the script, eager PyTorch',
  compile: 'the script, `torch.compile`',
  onnx: '`swp repro`, `onnx`',
  exact: '`swp repro`, `exact`',
  webassembly: '`swp repro`, `exact` on WebAssembly',
};

export const study: Part = {
  blocks: { 'a whole study': wholeStudyTable },
  sentences: [
    { page: COMPUTE, says: studyMachine },
    { page: COMPUTE, says: sharedSentence },
  ],
};

function wholeStudyTable(): string {
  const { runs, changed } = measured('study');
  const names = (Object.keys(NAMES) as Contender[]).filter((name) => runs[name] !== undefined);
  const ratio = (name: Contender, other: Contender) =>
    runs[other] === undefined ? '-' : (runs[name]!.seconds / runs[other].seconds).toFixed(2);
  return markdownTable(
    ['', 'from nothing', 'time / eager PyTorch', 'time / torch.compile', `after ${changed}'s percentage was changed`],
    names.map((name) => {
      const { seconds, secondsAgain, nodesAgain } = runs[name]!;
      const what = nodesAgain === undefined ? `${changed} alone` : `${nodesAgain} nodes`;
      return [
        ...[NAMES[name], `${Math.round(seconds)} s`, ratio(name, 'eager'), ratio(name, 'compile')],
        secondsAgain === undefined ? '-' : `${Math.round(secondsAgain)} s (${what})`,
      ];
    }),
  );
}

function studyMachine(): Wording {
  const { made, cores, pytorch } = measured('study');
  return says`It took, once each on ${inWords(cores)} cores of an ${made.processor}, Node ${made.node}, PyTorch ${pytorch ?? '(none)'}:`;
}

function sharedSentence(): Wording {
  const { operations, trainingSteps, runs } = measured('study');
  const count = (value: number | null | undefined) => (value ?? 0).toLocaleString('en-US');
  return says`The script takes ${count(operations)} steps of arms, with ${count(trainingSteps)} training steps in them; swp has ${count(runs.exact?.nodes)} nodes, since arms share what they have in common.`;
}
