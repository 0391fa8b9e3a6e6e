/** Mistakes in templates and matrices of pipeline.json: each is shown where the template stands. */
import { describe, expect, test } from 'vitest';
import { toyStudy } from '../support/toy-stages.ts';
import { textOf } from './study-of.ts';

describe('a mistake in a template is shown where the template stands', () => {
  const withEntries = (experiments: Record<string, unknown>, comparisons: unknown[] = []) => ({
    name: 'toy',
    experiments,
    comparisons,
    dag: toyStudy().dag,
    defaults: toyStudy().defaults,
  });
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

  test.each([
    [
      'an unknown variable',
      { A1: {}, '{base}-x': { matrix: { base: ['A1'] }, extends: '{bse}' } },
      [],
      `pipeline.json:11:18 error: The variable "bse" does not exist.
  11 |       "extends": "{bse}"
     |                  ^^^^^^^
  Did you mean "base"?
  Expected: "base".`,
    ],
    [
      'an unknown variable in a name',
      { '{base}-x': { matrix: { scheme: ['xavier'] }, params: { init: { scheme: '{scheme}' } } } },
      [],
      `pipeline.json:4:5 error: The variable "base" does not exist.
  4 |     "{base}-x": {
    |     ^^^^^^^^^^
  Expected: "scheme".`,
    ],
    [
      'a template without a matrix',
      { '{base}-x': {} },
      [],
      `pipeline.json:4:5 error: The variable "base" does not exist.
  4 |     "{base}-x": {}
    |     ^^^^^^^^^^
  Expected: "matrix": { "base": [...] } in this entry.`,
    ],
    [
      'a variable that is used nowhere',
      { 'A{n}': { matrix: { n: [1], steps: [5] } } },
      [],
      `pipeline.json:9:9 error: The variable "steps" is used nowhere.
  9 |         "steps": [
    |         ^^^^^^^
  Expected: "{steps}" in the name or a value of this entry.`,
    ],
    [
      'the same name twice',
      { A1: {}, 'A{n}': { matrix: { n: [0, 1] } } },
      [],
      `pipeline.json:5:5 error: "A1" comes out of this a second time.
  5 |     "A{n}": {
    |     ^^^^^^
  Expected: a name of its own for each: every variable in it; the first is at 4:5.`,
    ],
    [
      'a name that does not tell the entries apart',
      { A: { matrix: { n: [1, 2] }, params: { train: { steps: '{n}' } } } },
      [],
      `pipeline.json:4:5 error: "A" comes out of this a second time.
  4 |     "A": {
    |     ^^^
  Expected: a name of its own for each: every variable in it; the first is at 4:5.`,
    ],
    [
      'a name that is none',
      { '{n}': { matrix: { n: ['a b'] } } },
      [],
      `pipeline.json:4:5 error: "a b" cannot be a name.
  4 |     "{n}": {
    |     ^^^^^
  Expected: letters, digits, '.', '_' and '-', beginning with a letter or digit, 80 at most.`,
    ],
    [
      'far too many entries',
      { 'A{a}-{b}-{c}': { matrix: { a: numbers(30), b: numbers(30), c: numbers(30) } } },
      [],
      `pipeline.json:5:7 error: With this the file says more than 10000 entries: these variables have 27000 combinations.
  5 |       "matrix": {
    |       ^^^^^^^^
  Expected: fewer values.`,
    ],
    [
      'a matrix that is none',
      { 'A{n}': { matrix: [1, 2] } },
      [],
      `pipeline.json:5:17 error: This is no matrix.
  5 |       "matrix": [
    |                 ^
  Expected: an object {...} with a list of values for each variable.`,
    ],
    [
      'a variable without values',
      { 'A{n}': { matrix: { n: [] } } },
      [],
      `pipeline.json:6:14 error: These are no values for a variable.
  6 |         "n": []
    |              ^^
  Expected: a list [...] of strings, numbers or booleans.`,
    ],
    [
      'a value that is none',
      { 'A{n}': { matrix: { n: [1, null] } } },
      [],
      `pipeline.json:8:11 error: This is no value for a variable.
  8 |           null
    |           ^^^^
  Expected: a string, a number, true or false.`,
    ],
    [
      'a value that does not fit its parameter',
      { 'A{f}': { matrix: { f: [0.1, 1.5] }, params: { prune: { fraction: '{f}' } } } },
      [],
      `pipeline.json:13:23 error: 1.5 is not possible here (in "A1.5").
  13 |           "fraction": "{f}"
     |                       ^^^^^
  Expected: a number, at least 0, at most 1.`,
    ],
    [
      'an unknown base',
      { A1: {}, X: { extends: 'A2' } },
      [],
      `pipeline.json:6:18 error: The experiment "A2" does not exist.
  6 |       "extends": "A2"
    |                  ^^^^
  Did you mean "A1"?
  Expected: "A1".`,
    ],
    [
      'a circle',
      { A1: { extends: 'A3' }, A2: { extends: 'A1' }, A3: { extends: 'A2' } },
      [],
      `pipeline.json:8:18 error: An experiment cannot inherit from itself: "A1" extends "A3" extends "A2" extends "A1".
  8 |       "extends": "A1"
    |                  ^^^^
  Expected: a base that does not lead back here.`,
    ],
    [
      'a list of the base that does not fit the heir',
      { A1: { perRound: { prune: { fraction: [0.1, 0.2] } } }, A2: { extends: 'A1', rounds: 3 } },
      [],
      `pipeline.json:7:11 error: "fraction" has 2 values for 3 rounds (in "A2").
  7 |           "fraction": [
    |           ^^^^^^^^^^
  Expected: 3, one per round.`,
    ],
    [
      'an unknown step',
      { A1: { perStep: { 'detect-strat': { largest: 3 } } } },
      [],
      `pipeline.json:6:9 error: The step "detect-strat" does not exist.
  6 |         "detect-strat": {
    |         ^^^^^^^^^^^^^^
  Did you mean "detect-start"?
  Expected: "load", "init", "detect-start", "train", "detect-trained" or "prune".`,
    ],
    [
      'parameters of a step that serves all runs',
      { A1: { perStep: { aggregate: {} } } },
      [],
      `pipeline.json:6:9 error: Step "aggregate" gathers all runs and has no parameters of one experiment.
  6 |         "aggregate": {}
    |         ^^^^^^^^^^^
  Expected: "load", "init", "detect-start", "train", "detect-trained" or "prune".`,
    ],
    [
      'an arm that comes out of no template',
      { A1: {} },
      [
        {
          name: '{a}-c',
          matrix: { a: ['A1'] },
          question: '?',
          topic: 'budget',
          arms: ['{a}', '{a}-x'],
          varies: ['train.steps'],
        },
      ],
      `pipeline.json:18:9 error: The experiment "A1-x" does not exist (in "A1-c").
  18 |         "{a}-x"
     |         ^^^^^^^
  Did you mean "A1"?
  Expected: "A1".`,
    ],
    [
      'two comparisons of one name',
      { A1: {}, A2: {} },
      [1, 2].map(() => ({ name: 'c', question: '?', topic: 'budget', arms: ['A1', 'A2'], varies: ['train.steps'] })),
      `pipeline.json:21:15 error: There are two comparisons "c".
  21 |       "name": "c",
     |               ^^^
  Expected: a name of its own for each.`,
    ],
    [
      'a rule of lint that there is not',
      { A1: {}, A2: {} },
      [
        {
          name: 'c',
          question: '?',
          topic: 'budget',
          arms: ['A1', 'A2'],
          varies: ['train.steps'],
          accept: { 'sample-sise': 'Because.' },
        },
      ],
      `pipeline.json:20:9 error: "sample-sise" is not known here.
  20 |         "sample-sise": "Because."
     |         ^^^^^^^^^^^^^
  Did you mean "sample-size"?
  Expected: "one-variable", "never-acts", "unpaired-seeds", "missing-control", "unequal-budget", "not-sought", "idle-seeds", "same-arm", "sample-size" or "mixed-device".`,
    ],
  ] as [string, Record<string, unknown>, unknown[], string][])('%s', async (_name, experiments, comparisons, text) => {
    expect(await textOf(withEntries(experiments, comparisons))).toBe(text);
  });
});
