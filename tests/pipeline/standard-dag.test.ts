/** The standard DAG by reference: the same study as its copy, and steps of one's own among its steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import picocolors from 'picocolors';
import type { JsonObject } from '../../src/base/json.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpError } from '../../src/base/failure.ts';
import { failureText } from '../../src/cli/failure-text.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';

const COPY = JSON.parse(await readFile(join(packageRoot, 'templates/standard-dag.json'), 'utf8')) as JsonObject[];

/** One round of an arm that takes every turn of the DAG that parameters can choose. */
function studyWith(dag: unknown, params: object = {}): Promise<Study> {
  const content = {
    name: 's',
    dag,
    experiments: {
      A: {
        params: {
          train: { steps: 5, optimizerState: 'keep' },
          prune: { fraction: 0.1, protect: 'detected' },
          ...params,
        },
        perStep: { 'rewind-point': { steps: 2 } },
      },
    },
  };
  const file = parseStudyFile(join(process.cwd(), 'pipeline.json'), JSON.stringify(content, null, 2));
  return resolveStudy(file, { loader: StageLoader.installed() });
}

const planned = async (study: Study) => buildDag(study, StageLoader.installed());
const stepsOf = ({ steps }: Study) => steps.map(({ name, repeated, final }) => [name, repeated, final]);

/** What a person reads of a study that is wrong. */
async function mistakesOf(dag: unknown, params: object = {}): Promise<string> {
  try {
    await planned(await studyWith(dag, params));
    return '';
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return failureText(error.failure, picocolors.createColors(false));
  }
}

test('its keys are those of a copy', async () => {
  const [named, extended, copied] = await Promise.all(
    ['standard', { extends: 'standard', steps: [{ ...COPY[0]! }] }, COPY].map(async (dag) =>
      (await planned(await studyWith(dag))).nodes(),
    ),
  );
  expect(copied!.length).toBeGreaterThan(10);
  expect(named).toEqual(copied);
  expect(extended).toEqual(copied);
});

describe('with steps of its own', () => {
  const own = { step: 'again', stage: 'eval', measures: 'pruned', inputs: { weights: 'this prune.weights' } };

  test('one comes behind the step that it names, in the rounds if that is repeated, at the end if it names none', async () => {
    const standard = stepsOf(await studyWith('standard'));
    const at = (name: string) => standard.findIndex(([step]) => step === name);
    expect(stepsOf(await studyWith({ extends: 'standard', steps: [{ ...own, after: 'prune' }] }))).toEqual(
      standard.toSpliced(at('prune') + 1, 0, ['again', true, false]),
    );
    const start = { step: 'again', stage: 'eval', inputs: { weights: 'load.weights' } };
    expect(stepsOf(await studyWith({ extends: 'standard', steps: [{ ...start, after: 'load' }] }))).toEqual(
      standard.toSpliced(at('load') + 1, 0, ['again', false, false]),
    );
    expect(stepsOf(await studyWith({ extends: 'standard', steps: [start] }))).toEqual([
      ...standard,
      ['again', false, false],
    ]);
  });

  test('one may follow another, and run after the last round, too', async () => {
    const trained = { step: 'more', stage: 'eval', inputs: { weights: 'this train.weights' }, final: true };
    const steps = stepsOf(
      await studyWith({
        extends: 'standard',
        steps: [
          { ...own, after: 'prune' },
          { ...trained, after: 'again' },
        ],
      }),
    );
    const first = steps.findIndex(([name]) => name === 'again');
    expect(steps.slice(first, first + 2)).toEqual([
      ['again', true, false],
      ['more', true, true],
    ]);
  });

  test('one takes the place of the step with its name, and runs as often', async () => {
    const train = { step: 'train', stage: 'train', inputs: { weights: ['train.weights', 'init.weights'] } };
    const replaced = await studyWith({ extends: 'standard', steps: [train] });
    expect(stepsOf(replaced)).toEqual(stepsOf(await studyWith('standard')));
    expect([...replaced.steps.find(({ name }) => name === 'train')!.inputs.keys()]).toEqual(['weights']);
  });

  test.each([
    [
      'behind a step that there is not',
      { ...own, after: 'prun' },
      'The step "prun" does not exist.',
      'Did you mean "prune"?',
    ],
    [
      'for the last time, outside of the rounds',
      { ...own, inputs: { weights: 'load.weights' }, final: true },
      'Step "again" is not repeated',
    ],
    [
      'behind another, in the place of a third',
      { ...own, step: 'eval-pruned', after: 'prune' },
      'Step "eval-pruned" takes the place of the standard one.',
    ],
    [
      'with a reference to nothing',
      { ...own, after: 'prune', inputs: { weights: 'this prune.wieghts' } },
      'Did you mean "weights"?',
    ],
    [
      'that means to take the place of one, with a slip in its name',
      { ...own, step: 'eval-strat' },
      'The standard DAG has no step "eval-strat" whose place',
      'Did you mean "eval-start"?',
    ],
    ['with a key that there is not', { ...own, afer: 'prune' }, 'Did you mean "after"?'],
  ] as [string, object, ...string[]][])('one %s is shown at its own place', async (_name, step, ...texts) => {
    const text = await mistakesOf({ extends: 'standard', steps: [step] });
    for (const each of [...texts, /^pipeline\.json:([7-9]|1\d):\d+ error/]) expect(text).toMatch(each);
  });

  test('two of one name are two', async () => {
    const twice = { extends: 'standard', steps: [own, own].map((each) => ({ ...each, after: 'prune' })) };
    expect(await mistakesOf(twice)).toMatch('There are two steps "again".');
  });
});

describe('a mistake is shown where the study can be changed', () => {
  test('in a word that is no DAG', async () => {
    expect(await mistakesOf('standrad')).toBe(
      `pipeline.json:3:10 error: "standrad" is not possible here.
  3 |   "dag": "standrad",
    |          ^^^^^^^^^^
  Did you mean "standard"?
  Expected: "standard".`,
    );
  });

  test('in a value that a standard step reads: at the value', async () => {
    expect(await mistakesOf('standard', { rewind: { to: 'step' }, 'rewind-point': {} })).toContain('"rewind-point"');
    expect(await mistakesOf('standard', { eval: { sequenceLength: 1_000_000 } })).toMatch(
      /^pipeline\.json:\d+:\d+ error: [^]*"sequenceLength": 1000000/,
    );
  });

  test('in a standard step that an own one has made impossible: at the reference, with the name of the step', async () => {
    const pruneless = { step: 'prune', stage: 'eval', inputs: { weights: 'init.weights' } };
    const text = await mistakesOf({ extends: 'standard', steps: [pruneless] });
    expect(text).toContain(
      'pipeline.json:4:16 error: Step "prune" has no artifact "weights" (in "train" of the standard DAG).',
    );
    expect(text).toContain('"extends": "standard"');
  });
});

test('how super weights are sought is of no concern to what is pruned and trained, unless the prune asks for them', async () => {
  const keysOf = async (prune: object, minimumEffect: number) => {
    const dag = await planned(
      await studyWith('standard', { prune: { fraction: 0.1, ...prune }, 'detect-sw': { minimumEffect } }),
    );
    return dag.nodes().filter((key) => ['train', 'prune'].includes(dag.getNodeAttributes(key).stage.name));
  };
  expect(await keysOf({}, 0.1)).toEqual(await keysOf({}, 0.2));
  for (const asking of [{ protect: 'reference' }, { force: 'reference' }])
    expect(await keysOf(asking, 0.1)).not.toEqual(await keysOf(asking, 0.2));
});
