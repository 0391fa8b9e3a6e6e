/** What the command line answers to small studies: excerpts of README.md, docs/lint.md, docs/pipeline.md and others. */
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../../src/base/package-root.ts';
import { consoleBlock, type Part } from '../part.ts';

const SWP = join(packageRoot, 'bin/swp.js');
const STUDY = readFileSync(join(packageRoot, 'pipeline.json'), 'utf8');

/** By block, comparisons of `findingsStudy` and the rules whose findings it shows; null: findings of no comparison. */
const FINDINGS: Readonly<Record<string, readonly (readonly [comparison: string | null, rule: string])[]>> = {
  'lint one-variable': [['variables', 'one-variable']],
  'lint never-acts': [['same', 'never-acts']],
  'lint mixed-device': [['devices', 'mixed-device']],
  'lint consequence': [['budgets', 'consequence']],
  'lint unpaired-seeds': [['seeds', 'unpaired-seeds']],
  'lint missing-control': [['controls', 'missing-control']],
  'lint unequal-budget': [['lengths', 'unequal-budget']],
  'lint not-sought': [['found', 'not-sought']],
  'lint sample-size': [['init', 'sample-size']],
  'lint idle-seeds': [[null, 'idle-seeds']],
};

export const transcripts: Part = {
  blocks: {
    'mistake in a parameter': mistakeInParameter,
    'mistake in a template': mistakeInTemplate,
    'lint of controls': lintOfControls,
    'export of a training step': exportOfTrainingStep,
    ...Object.fromEntries(Object.entries(FINDINGS).map(([name, shown]) => [name, () => findingsBlock(shown)])),
  },
  sentences: [],
};

const answers = new Map<string, Promise<string>>();

/** What a command writes in a folder that holds nothing but a study, asked once. The folder's own path is cut. */
function answerTo(study: string, ...args: string[]): Promise<string> {
  const question = JSON.stringify([study, args]);
  const answer = answers.get(question) ?? ask(study, args);
  answers.set(question, answer);
  return answer;
}

async function ask(study: string, args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'swp-docs-'));
  try {
    writeFileSync(join(folder, 'pipeline.json'), study);
    const { all } = await execa(process.execPath, [SWP, ...args], { cwd: folder, reject: false, all: true });
    return all.replaceAll(`${realpathSync(folder)}/`, '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The project's study with a slip of the pen in the experiment A1. */
async function mistakeInParameter(): Promise<string> {
  const study = STUDY.replace('"prune": { "fraction": 0.1 }', '"prune": { "fractoin": 0.1 }');
  return consoleBlock((await answerTo(study, 'status')).split('\n'));
}

async function mistakeInTemplate(): Promise<string> {
  const study = {
    name: 'template',
    dag: [
      { step: 'init', stage: 'init' },
      { step: 'prune', stage: 'prune', inputs: { weights: 'init.weights' } },
    ],
    experiments: { 'A{f}': { matrix: { f: [0.5, 1.5] }, params: { prune: { fraction: '{f}' } } } },
  };
  return consoleBlock((await answerTo(JSON.stringify(study, null, 2), 'status')).split('\n'));
}

/** The first accepted finding of the profile, and how lint ends. */
async function lintOfControls(): Promise<string> {
  const answer = await answerTo(STUDY, 'lint', '--profile', 'controls');
  const lines = answer.trim().split('\n');
  const accepted = lines.findIndex((line) => line.startsWith('  = ') && line.includes('missing-control'));
  const comparison = lines.findLastIndex((line, i) => i < accepted && line !== '' && !line.startsWith(' '));
  return consoleBlock([
    '$ swp lint --profile controls',
    lines[0]!,
    '',
    lines[comparison]!,
    ...(accepted === comparison + 1 ? [] : ['  ...']),
    lines[accepted]!,
    ...(lines[accepted + 1]!.startsWith('    ') ? [lines[accepted + 1]!] : []),
    '...',
    lines.find((line) => /^\d+ errors, /.test(line))!,
  ]);
}

async function exportOfTrainingStep(): Promise<string> {
  const args = ['export', '--graph', 'stage=train', 'experiment=A1', '--output', 'step.onnx'];
  return consoleBlock((await answerTo(STUDY, ...args)).split('\n'));
}

async function findingsBlock(shown: (typeof FINDINGS)[string]): Promise<string> {
  const sections = (await answerTo(JSON.stringify(findingsStudy()), 'lint')).split('\n\n');
  const lines = shown.flatMap(([comparison, rule]) => {
    const section = sections.find((text) => text.startsWith(comparison === null ? '  ' : `${comparison}: `)) ?? '';
    return section.split('\n').filter((line) => / {2}. /.test(line) && line.includes(` ${rule}: `));
  });
  if (lines.length === 0) throw new Error(`swp lint finds none of ${shown.join('; ')} in the study made for it.`);
  return consoleBlock(lines.map((line) => line.trim()));
}

/** A study with one comparison for each rule of lint. */
function findingsStudy(): object {
  const { name, dag, defaults, experiments } = JSON.parse(STUDY) as Record<string, Record<string, object>>;
  const { A1, B1, B2, C1 } = experiments!;
  const comparison = (name: string, arms: string[], varies: string, family = name) => ({
    ...{ name, question: 'Which?', topic: 'variance', arms, varies: [varies], family },
  });
  return {
    ...{ name, dag, defaults },
    experiments: {
      ...{ A1, B1, B2, C1 },
      'A1-same': { extends: 'A1' },
      'A1-cuda': { extends: 'A1', params: { train: { device: 'cuda' } } },
      'A1-later': { extends: 'A1', seeds: [1, 2, 3] },
      'A1-idle': { extends: 'A1', params: { 'load-pretrained': { checkpoint: 0 }, train: { seed: 0 } } },
      'A1-known': { extends: 'A1', perStep: { 'detect-trained': { search: 'none' } } },
      'A1-longer': { extends: 'A1', params: { train: { steps: 4000 } } },
    },
    comparisons: [
      comparison('variables', ['A1', 'B2'], 'train.steps'),
      comparison('same', ['A1', 'A1-same'], 'prune.scope'),
      comparison('devices', ['A1', 'A1-cuda'], 'prune.fraction'),
      comparison('budgets', ['A1', 'B1'], 'train.steps'),
      comparison('seeds', ['A1', 'A1-later'], 'prune.fraction'),
      comparison('controls', ['B1', 'C1'], 'init.scheme'),
      comparison('lengths', ['A1', 'A1-longer'], 'prune.fraction'),
      { ...comparison('found', ['A1', 'A1-known'], 'prune.fraction'), metrics: ['redetected'] },
      comparison('init', ['B1', 'C1', 'B2'], 'init.scheme'),
    ],
    profiles: { small: { experiments: ['*'], scaleSteps: 0.01 } },
    defaultProfile: 'small',
  };
}
