/** Templates and inheritance: what a study says in few words is what it would say in many. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Study } from '../../src/pipeline/study.ts';
import { toyStudy } from '../support/toy-stages.ts';
import { runOf, studyOf } from './study-of.ts';

const withExperiments = (experiments: Record<string, unknown>, comparisons: unknown[] = []) => ({
  ...toyStudy(),
  experiments,
  comparisons,
});
const without = <Value extends object>(value: Value, ...names: string[]) =>
  JSON.parse(
    JSON.stringify(Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)))),
  ) as unknown;
const experimentsOf = ({ experiments }: Study) => experiments.map((experiment) => without(experiment, 'extends'));

describe('a matrix', () => {
  test('stands for one entry per combination; a string that is nothing but a variable becomes its value', async () => {
    const study = await studyOf(
      withExperiments({
        '{scheme}-{steps}': {
          description: 'Starts {scheme}.',
          matrix: { scheme: ['pretrained', 'xavier'], steps: [10, 20], rounds: [1] },
          rounds: '{rounds}',
          params: { init: { scheme: '{scheme}' }, train: { steps: '{steps}' } },
          perRound: { prune: { fraction: [0.5] } },
        },
      }),
    );
    expect(
      study.experiments.map(({ id, description, rounds, params }) => [id, description, rounds, without(params)]),
    ).toEqual([
      ['pretrained-10', 'Starts pretrained.', 1, { init: { scheme: 'pretrained' }, train: { steps: 10 } }],
      ['pretrained-20', 'Starts pretrained.', 1, { init: { scheme: 'pretrained' }, train: { steps: 20 } }],
      ['xavier-10', 'Starts xavier.', 1, { init: { scheme: 'xavier' }, train: { steps: 10 } }],
      ['xavier-20', 'Starts xavier.', 1, { init: { scheme: 'xavier' }, train: { steps: 20 } }],
    ]);
  });

  test('writes out comparisons as well', async () => {
    const { comparisons } = await studyOf(
      withExperiments(
        {
          A1: {},
          A2: {},
          '{base}-x': { matrix: { base: ['A1', 'A2'] }, extends: '{base}', params: { prune: { force: 'reference' } } },
        },
        [
          {
            name: '{base}-forced',
            matrix: { base: ['A1', 'A2'] },
            question: 'And {base}?',
            topic: 'quality',
            arms: ['{base}', '{base}-x'],
            varies: ['prune.force'],
          },
        ],
      ),
    );
    expect(comparisons).toMatchObject([
      { name: 'A1-forced', question: 'And A1?', arms: ['A1', 'A1-x'] },
      { name: 'A2-forced', question: 'And A2?', arms: ['A2', 'A2-x'] },
    ]);
  });

  test('expanded, the study is the one written out by hand', async () => {
    const scalar = fc.oneof(fc.constantFrom('a', 'b-c', 'X.1'), fc.integer({ min: 0, max: 999 }), fc.boolean());
    const variables = fc.dictionary(
      fc.constantFrom('base', 'scheme', 'n', 'flag_2'),
      fc.uniqueArray(scalar, { minLength: 1, maxLength: 3, selector: String }),
      { minKeys: 1, maxKeys: 3 },
    );
    const text = fc.constantFrom('', ' and {base}', '{n}{scheme}', 'no variable', '{flag_2}!');
    await fc.assert(
      fc.asyncProperty(variables, text, fc.constantFrom(0, 1), async (matrix, words, rounds) => {
        const names = Object.keys(matrix);
        const description = `${names.map((name) => `{${name}}`).join(', ')}${words.replaceAll(/\{(\w+)\}/g, (written, name: string) => (names.includes(name) ? written : name))}`;
        const template = {
          matrix,
          rounds,
          description,
          params: { train: { steps: 7 } },
          perRound: rounds === 1 ? { prune: { fraction: [0.25] } } : {},
        };
        const written = await studyOf(
          withExperiments({ [`e-${names.map((name) => `{${name}}`).join('-')}`]: template }),
        );

        let combinations: Record<string, unknown>[] = [{}];
        for (const name of names)
          combinations = combinations.flatMap((before) => matrix[name]!.map((value) => ({ ...before, [name]: value })));
        const fill = (pattern: string, values: Record<string, unknown>) =>
          names.reduce((filled, name) => filled.replaceAll(`{${name}}`, String(values[name])), pattern);
        const byHand = await studyOf(
          withExperiments(
            Object.fromEntries(
              combinations.map((values) => [
                `e-${names.map((name) => String(values[name])).join('-')}`,
                { ...template, matrix: undefined, description: fill(description, values) },
              ]),
            ),
          ),
        );
        expect(written.experiments.map((experiment) => without(experiment))).toEqual(
          byHand.experiments.map((experiment) => without(experiment)),
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('extends', () => {
  test('inherits everything; parameters are merged one by one, and own values win', async () => {
    const study = await studyOf(
      withExperiments({
        heir: { extends: 'parent', params: { train: { rate: 0.9 } } },
        parent: { extends: 'root', finalTrain: false, params: { train: { steps: 50 } } },
        root: {
          role: 'positive-control',
          description: 'The first.',
          rounds: 1,
          seeds: [4],
          params: { train: { steps: 20, rate: 0.3 }, init: { scheme: 'xavier' } },
        },
      }),
    );
    expect(without(study.experiments[0]!)).toEqual({
      id: 'heir',
      extends: 'parent',
      model: 'marker-retrieval',
      corpus: null,
      role: 'positive-control',
      description: 'The first.',
      rounds: 1,
      declaredRounds: 1,
      seeds: [4],
      finalTrain: false,
      scaleSteps: 1,
      params: { train: { steps: 50, rate: 0.9 }, init: { scheme: 'xavier' } },
      perRound: {},
      perStep: {},
    });
  });

  test('a parameter given once replaces one given by round, and the other way about', async () => {
    const study = await studyOf(
      withExperiments({
        once: { params: { prune: { fraction: 0.1 }, train: { steps: 9, rate: 0.4 } } },
        rounds: { extends: 'once', perRound: { prune: { fraction: [0.2, 0.3] } } },
        again: { extends: 'rounds', params: { prune: { fraction: 0.5 } } },
      }),
    );
    const [, rounds, again] = study.experiments.map(({ params, perRound }) => without({ params, perRound }));
    expect(rounds).toEqual({
      params: { train: { steps: 9, rate: 0.4 } },
      perRound: { prune: { fraction: [0.2, 0.3] } },
    });
    expect(again).toEqual({ params: { prune: { fraction: 0.5 }, train: { steps: 9, rate: 0.4 } }, perRound: {} });
  });

  test('expanded, the study is the one written out by hand', async () => {
    const params = fc.record(
      {
        train: fc.record({ steps: fc.nat(50), rate: fc.constantFrom(0.1, 0.5) }, { requiredKeys: [] }),
        prune: fc.record({ fraction: fc.constantFrom(0, 0.25) }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    );
    const entry = fc.record(
      {
        description: fc.constantFrom('x', 'y'),
        rounds: fc.constantFrom(1, 2),
        finalTrain: fc.boolean(),
        seeds: fc.constantFrom([3], [1, 2]),
        scaleSteps: fc.boolean(),
        model: fc.constantFrom('m', 'n'),
        params,
      },
      { requiredKeys: [] },
    );
    type Entry = { params?: Record<string, object> } & Record<string, unknown>;
    await fc.assert(
      fc.asyncProperty(fc.array(entry as fc.Arbitrary<Entry>, { minLength: 1, maxLength: 5 }), async (chain) => {
        const written = await studyOf(
          withExperiments(
            Object.fromEntries(
              chain.map((own, index) => [`e${index}`, index === 0 ? own : { ...own, extends: `e${index - 1}` }]),
            ),
          ),
        );
        const byHand: Record<string, Entry> = {};
        let before: Entry = {};
        for (const [index, own] of chain.entries()) {
          const stages = { ...before.params, ...own.params };
          const merged = Object.fromEntries(
            Object.keys(stages).map((stage) => [stage, { ...before.params?.[stage], ...own.params?.[stage] }]),
          );
          before = { ...before, ...own, params: merged };
          byHand[`e${index}`] = before;
        }
        expect(experimentsOf(written)).toEqual(experimentsOf(await studyOf(withExperiments(byHand))));
      }),
      { numRuns: 100 },
    );
  });
});

describe('perStep', () => {
  test('is a parameter of one step alone, above everything that is said of its stage', async () => {
    const study = await studyOf(
      withExperiments({
        A1: {
          params: { detect: { largest: 1 } },
          perStep: { 'detect-start': { largest: 7 }, train: { rate: 0.7 } },
          perRound: { train: { rate: [0.5, 0.6] } },
        },
      }),
    );
    const run = runOf(study, 'A1');
    expect(run.get('detect-start@0')?.params.largest).toBe(7);
    expect(run.get('detect-trained@1')?.params.largest).toBe(1);
    expect([1, 2, 3].map((round) => run.get(`train@${round}`)?.params.rate)).toEqual([0.7, 0.7, 0.7]);
  });
});
