/** Studies of many experiments: nothing takes a time that grows with their square, and no chain is too long. */
import { describe, expect, test } from 'vitest';
import type { SwpError } from '../../src/base/failure.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';

const DAG = [{ step: 'train', stage: 'train' }];

/** Reads a study of these experiments, on one line as another program would write it. */
function read(experiments: Record<string, object>, rest: object = {}) {
  return parseStudyFile('/study/pipeline.json', JSON.stringify({ name: 's', dag: DAG, experiments, ...rest }));
}

function failureOf(run: () => unknown) {
  try {
    run();
  } catch (error) {
    return (error as SwpError).failure;
  }
  throw new Error('It is accepted.');
}

describe('a chain of 10,000 experiments', () => {
  const LENGTH = 10_000; // as many as a study may have
  // From its end to its beginning: the first one that is asked for has all others above it.
  const chain = (first: object) =>
    Object.fromEntries(
      Array.from({ length: LENGTH }, (_, index) => LENGTH - 1 - index).map((index) => [
        `e${index}`,
        index === 0 ? first : { extends: `e${index - 1}` },
      ]),
    );

  test('inherits from its beginning to its end', () => {
    const { experiments } = read(chain({ params: { train: { steps: 7 } } })).content;
    expect(experiments[`e${LENGTH - 1}`]).toMatchObject({
      extends: `e${LENGTH - 2}`,
      params: { train: { steps: 7 } },
    });
  });

  test('that leads back to its end is a mistake, of which both ends are named', () => {
    const failure = failureOf(() => read(chain({ extends: `e${LENGTH - 1}` })));
    expect(failure).toMatchObject({
      kind: 'study',
      message:
        `An experiment cannot inherit from itself: "e9999" extends "e9998" extends "e9997" extends "e9996" extends ` +
        '... (9993 more) ... extends "e2" extends "e1" extends "e0" extends "e9999".',
    });
  });

  test('names where a value stands that it has inherited', () => {
    const failure = failureOf(() => read(chain({ seeds: ['a'] })));
    expect(failure).toMatchObject({ kind: 'study', message: '"a" is not possible here (in "e9999").' });
  });
});

test('more experiments than a study may have are refused before anything is written out', () => {
  const experiments = Object.fromEntries(
    Array.from({ length: 15_000 }, (_, index) => [`e${index}`, { extends: `e${index + 1}` }]),
  );
  expect(failureOf(() => read(experiments))).toMatchObject({
    message: 'There are 15000 experiments.',
    expected: 'at most 10000',
  });
});

test('of thousands of mistakes, the first ones are shown, and the others are counted', () => {
  const names = Array.from({ length: 9_999 }, (_, index) => `experiment-${index}`);
  const failure = failureOf(() =>
    read(Object.fromEntries(names.map((name, index) => [name, { extends: `experimemt-${index}` }]))),
  );
  expect(failure).toMatchObject({ kind: 'several', more: 9_989 });
  expect((failure as unknown as { failures: object[] }).failures[3]).toMatchObject({
    message: 'The experiment "experimemt-3" does not exist.',
    suggestion: 'experiment-0',
  });
});

test('what a long chain would inherit beyond all measure is a mistake', () => {
  const experiments = Object.fromEntries(
    Array.from({ length: 2_100 }, (_, index) => [
      `e${index}`,
      { ...(index > 0 && { extends: `e${index - 1}` }), params: { train: { [`p${index}`]: 1 } } },
    ]),
  );
  expect(failureOf(() => read(experiments))).toMatchObject({
    message: 'With this the experiments inherit more than 2000000 values.',
  });
});

test('a matrix of one value for each of many variables is one experiment', () => {
  const variables = Array.from({ length: 5_000 }, (_, index) => `v${index}`);
  const { content } = read({
    A: {
      matrix: Object.fromEntries(variables.map((variable) => [variable, [1]])),
      description: variables.map((variable) => `{${variable}}`).join(''),
    },
  });
  expect(content.experiments.A).toEqual({ description: '1'.repeat(5_000) });
});
