/** Mistakes in pipeline.json: each is shown at its place, with what was expected. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import picocolors from 'picocolors';
import { failureText } from '../../src/cli/failure-text.ts';
import { SwpError } from '../../src/base/failure.ts';
import { toyStudy } from '../support/toy-stages.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { mistakesOf, studyOf, textOf } from './study-of.ts';

const colors = picocolors.createColors(false);

/** The study with one thing changed. */
function withChange(change: (study: ReturnType<typeof toyStudy>) => void): unknown {
  const study = toyStudy();
  change(study);
  return study;
}

describe('a mistake is shown at its place, with what was expected and the nearest name', () => {
  test('an unknown key', async () => {
    expect(await textOf(withChange((study) => (study.experiments = { A1: { parms: {} } })))).toBe(
      `pipeline.json:110:7 error: "parms" is not known here.
  110 |       "parms": {}
      |       ^^^^^^^
  Did you mean "params"?
  Expected: "description", "role", "extends", "matrix", "model", "corpus", "rounds", "finalTrain", "seeds", "scaleSteps", "params", "perRound", ... (13 in all).`,
    );
  });

  test.each(['zzz', '日本', '__x'])('an unknown key that is like no other, at every level: %s', async (name) => {
    const key = { [name]: {} };
    for (const change of [
      (study) => Object.assign(study, key),
      (study) => Object.assign(study.defaults as object, key),
      (study) => Object.assign(study.experiments.A1 as object, key),
      (study) => Object.assign(study.dag[0] as object, key),
      (study) => (study.profiles = { p: { experiments: ['*'], ...key } }),
      (study) => (study.analysis = key),
    ] satisfies Parameters<typeof withChange>[0][])
      expect(await mistakesOf(withChange(change))).toMatchObject([
        { kind: 'study', message: expect.stringMatching(`"${name}" is not known here|is not possible here`) as string },
      ]);
  });

  test('a mistyped input is one mistake', async () => {
    const change = ({ dag }: { dag: unknown[] }) => ((dag[1] as Dag[number]).inputs = { pretraind: 'load.weights' });
    expect(await mistakesOf(withChange(change))).toMatchObject([
      { message: expect.stringContaining('no input "pretraind"') as string, suggestion: 'pretrained' },
    ]);
  });

  test('what two experiments inherit that is no group of parameters is one mistake', async () => {
    const study = withChange(({ experiments }) => {
      experiments.A1 = { params: { fraction: 0.2 } };
      experiments.A2 = { extends: 'A1', params: { prune: { fraction: 0 } } };
      experiments.A3 = { extends: 'A2' };
    });
    expect(await mistakesOf(study)).toMatchObject([
      { at: { text: expect.stringContaining('"fraction": 0.2') as string } },
    ]);
  });

  test.each(['"\\ud800"', '"a\\udc00\\ud800b"'])('a text that is none: %s', async (written) => {
    const text = JSON.stringify(toyStudy(), null, 2);
    for (const changed of [text.replace('"toy"', written), text.replace('"A1":', `${written}:`)])
      expect(await mistakesOf(changed)).toMatchObject([
        { message: 'This text holds half of a surrogate pair, which is no character.', at: { length: written.length } },
      ]);
    expect(await mistakesOf(text.replace('"name"', '"description": "\\ud83e\\udd8a", "name"'))).toEqual([]);
  });

  test('a file that is not in UTF-8', () => {
    const read = (content: Uint8Array) => {
      try {
        return parseStudyFile('pipeline.json', content);
      } catch (error) {
        return (error as SwpError).failure;
      }
    };
    const text = '\uFEFF{\n  "name": "\uFFFD日é"\n}';
    const bytes = Buffer.from(text);
    expect(JSON.stringify(read(bytes))).not.toContain('This is not UTF-8.'); // what it lacks is another matter
    bytes[bytes.indexOf('é') + 1] = 0x20;
    expect(read(bytes)).toMatchObject({ at: { line: 2, column: 14 }, message: 'This is not UTF-8.' });
    expect(read(Buffer.from(`\uFEFF${text}`, 'utf16le'))).toMatchObject({
      at: { line: 1, column: 1 },
      expected: 'a file in UTF-8; this one is in UTF-16: save it anew',
    });
  });

  test('an unknown parameter', async () => {
    expect(await textOf(withChange((study) => (study.experiments.A2 = { params: { train: { stpes: 5 } } })))).toBe(
      `pipeline.json:122:11 error: train has no parameter "stpes".
  122 |           "stpes": 5
      |           ^^^^^^^
  Did you mean "steps"?
  Expected: "steps", "warmupSteps", "rate", "state" or "seed".`,
    );
  });

  test('a value that does not fit its parameter', async () => {
    expect(await textOf(withChange((study) => (study.experiments.A2 = { params: { train: { steps: -3 } } })))).toBe(
      `pipeline.json:122:20 error: -3 is not possible here.
  122 |           "steps": -3
      |                    ^^
  Expected: a whole number, at least 0: Optimizer steps.`,
    );
  });

  test('a value among those of the rounds', async () => {
    const text = await textOf(
      withChange((study) => (study.experiments.A2 = { perRound: { prune: { fraction: [0.1, 1.5] } } })),
    );
    expect(text).toContain('pipeline.json:124:13 error: 1.5 is not possible here.');
    expect(text).toContain('Expected: a number, at least 0, at most 1.');
  });

  test('a stage of a wrong name, and not everything that is said of it by its right name', async () => {
    const mistakes = await mistakesOf(withChange((study) => ((study.dag[0] as { stage: string }).stage = 'laod')));
    expect(mistakes).toMatchObject([{ message: 'There is no stage "laod".' }]);
  });

  test('a list of another length than the rounds', async () => {
    const text = await textOf(
      withChange(
        (study) =>
          (study.experiments.A2 = { perRound: { prune: { fraction: [0.1] }, train: { steps: [1, 2, 3, 4] } } }),
      ),
    );
    expect(text).toContain('error: "fraction" has 1 values for 2 rounds.\n');
    expect(text).toContain('Expected: 2, one per round.');
    expect(text).toContain('error: "steps" has 4 values for 2 rounds.\n');
    expect(text).toContain('Expected: 2, one per round, or 3 with one for the final training.');
  });

  test.each([
    ['an unknown stage', (dag: Dag) => (dag[0]!.stage = 'laod'), 'There is no stage "laod".'],
    [
      'a second step of one name, listed once',
      (dag: Dag) => (dag[1]!.step = 'load'),
      'Expected: "load", "detect-start"',
    ],
    [
      'an unknown step',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'lod.weights' }),
      'The step "lod" does not exist.\n',
      'Did you mean "load"?',
    ],
    [
      'an unknown artifact',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'load.wieghts' }),
      'Step "load" has no artifact "wieghts".',
      'Did you mean "weights"?',
    ],
    [
      'an unknown input',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'load.weights', extra: 'load.weights' }),
      'init has no input "extra" for "inputs".',
    ],
    [
      'an input that is not given',
      (dag: Dag) => delete dag[1]!.inputs,
      'Step "init" lacks the input "pretrained".',
      'Expected: "pretrained" in "inputs": weights.',
    ],
    [
      'a step that comes later',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'detect-start.found' }),
      'Step "detect-start" comes later.',
    ],
    [
      '"this" outside the rounds',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'this load.weights' }),
      '"this load" has no round to be in.',
    ],
    [
      'a word that is no reference',
      (dag: Dag) => (dag[1]!.inputs = { pretrained: 'load' }),
      '"load" is not possible here.',
    ],
    ['a second step of one name', (dag: Dag) => (dag[1]!.step = 'load'), 'There are two steps "load".'],
    [
      'an unknown parameter in "unless"',
      (dag: Dag) => (dag[1]!.unless = { shceme: 'xavier' }),
      'init has no parameter "shceme".',
      'Did you mean "scheme"?',
    ],
  ] as [string, (dag: Dag) => void, ...string[]][])('%s', async (_name, change, ...texts) => {
    const text = await textOf(withChange((study) => change(study.dag as Dag)));
    for (const expected of texts) expect(text).toContain(expected);
  });

  test('what comparisons and profiles name', async () => {
    const text = await textOf(
      withChange((study) => {
        study.comparisons = [
          { name: 'c', question: '?', topic: 'budget', arms: ['A1', 'A9'], varies: ['train.stepz'] },
        ];
        study.profiles = { p: { experiments: ['B*'] } };
        study.defaultProfile = 'q';
      }),
    );
    expect(text).toContain('The experiment "A9" does not exist.\n');
    expect(text).toContain('train has no parameter "stepz".\n');
    expect(text).toContain('The experiment "B*" does not exist.\n');
    expect(text).toContain('The profile "q" does not exist.\n');
  });

  test('several mistakes at once, in the order of the file, and no echo of one', async () => {
    const failures = await mistakesOf(
      withChange((study) => {
        study.experiments.A1 = { params: { train: { steps: 'many', rat: 1 } }, rounds: -1 };
        study.experiments.A2 = { params: { trian: {} } };
      }),
    );
    // The shape of the file comes first: what its words mean is only asked of a file of the right shape.
    expect(failures.map((failure) => 'message' in failure && failure.message)).toEqual(['-1 is not possible here.']);
    const later = await mistakesOf(
      withChange((study) => {
        study.experiments.A1 = { params: { train: { steps: 'many', rat: 1 } } };
        study.experiments.A2 = { params: { trian: {} } };
        study.experiments.A3 = { role: 'positive-contol' };
      }),
    );
    expect(later.map((failure) => 'message' in failure && failure.message)).toEqual([
      '"many" is not possible here.',
      'train has no parameter "rat".',
      'The stage "trian" does not exist.',
      'The role "positive-contol" is nearly another.',
    ]);
  });
});

describe('text that is no JSON is shown at its place', () => {
  test.each([
    [
      '{ "name": "x", }',
      'pipeline.json:1:16 error: This is not JSON.',
      'Expected: a name in double quotes (JSON has no comma before a closing brace).',
    ],
    ['{ "name": "x" ', 'The file ends too early.', "Expected: '}'."],
    ['', 'The file is empty.', 'Expected: a JSON object.'],
    ['{ // words\n}', 'pipeline.json:1:3 error: This is not JSON.', 'Expected: no comments'],
    [
      '{\n  "name": "x",\n  "name": "y"\n}',
      'pipeline.json:3:3 error: "name" stands here a second time.',
      'Expected: each name once; the first is at 2:3.',
    ],
    ['{ "name": 1e999 }', 'This number is too large.', 'Expected: a finite number.'],
    ['{ "__proto__": {} }', '"__proto__" cannot be a name.', ''],
    ['['.repeat(100_000), 'pipeline.json:1:65 error: This is nested too deeply.', 'Expected: at most 64 levels.'],
    ['[1, 2]', 'A list is not possible here.', 'Expected: an object {...}'],
    [
      `{ "name": "x", "defaults": { "seeds": [${[...Array(1001).keys()].join()}] } }`,
      'A list of 1001 entries is not possible here.',
      'Expected: a list [...], with 1 or more entries, with no more than 1000 entries',
    ],
  ])('%.30s', async (text, ...expected) => {
    const shown = await textOf(text);
    for (const part of expected) expect(shown).toContain(part);
  });

  test('of a long line only the part around the place is shown, and the mark stands under it', async () => {
    const text = await textOf(`{ "description": "${'x'.repeat(5000)}", "nmae": 1 }`);
    const [, excerpt = '', mark = ''] = (text.split('\n\n').at(-1) ?? '').split('\n');
    expect(excerpt.length).toBeLessThan(130);
    expect(excerpt.slice(mark.indexOf('^'), mark.lastIndexOf('^') + 1)).toBe('"nmae"');
  });

  test('control characters of the file do not reach the terminal', async () => {
    expect(await textOf('{ "na\u001b[31mme": 1 }')).not.toContain('\u001b');
  });
});

describe('whatever the file holds, the answer is a study or a Failure', () => {
  const hostile = fc.oneof(
    fc.constant({}),
    fc.constantFrom(
      null,
      -1,
      1e308,
      2 ** 53,
      '',
      '__proto__',
      'constructor',
      '../../x',
      'this train.weights',
      'first .',
      '*',
      '[',
      '!(',
      '\u0000',
    ),
    fc.jsonValue({ maxDepth: 3 }),
  );

  /** With templates, inheritance and parameters of single steps. */
  const templatedStudy = () =>
    withChange((study) => {
      study.experiments['{base}-{n}'] = {
        matrix: { base: ['A1', 'A2'], n: [1, 2] },
        extends: '{base}',
        params: { train: { steps: '{n}' } },
        perStep: { 'detect-start': { largest: '{n}' } },
        perRound: { prune: { fraction: [0, 0.5] } },
      };
      study.comparisons = [
        {
          name: '{base}-c',
          matrix: { base: ['A1', 'A2'] },
          question: '{base}?',
          topic: 'budget',
          arms: ['{base}', '{base}-1'],
          varies: ['train.steps', 'detect-start.largest'],
          accept: { 'sample-size': 'No.' },
        },
      ];
    });

  test('values put anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), hostile, async (where, value) => {
        const study = templatedStudy();
        const places = placesOf(study);
        const place = places[where % places.length]!;
        place.put(value);
        await answers(JSON.stringify(study));
      }),
      { numRuns: 300 },
    );
  });

  test('names put anywhere', async () => {
    const names = fc.oneof(
      fc.constantFrom('constructor', 'toString', 'hasOwnProperty', 'valueOf', '', ' ', 'a.b', '*', '$ref'),
      fc.string({ maxLength: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(), names, hostile, async (where, name, value) => {
        const study = templatedStudy();
        const places = placesOf(study);
        const { parent } = places[where % places.length]!;
        if (!Array.isArray(parent) && name !== '__proto__') (parent as Record<string, unknown>)[name] = value;
        await answers(JSON.stringify(study));
      }),
      { numRuns: 200 },
    );
  });

  test('text cut and changed anywhere', async () => {
    const text = JSON.stringify(templatedStudy(), null, 1);
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 5 }), async (at, length, put) => {
        await answers(text.slice(0, at) + put + text.slice(at + length));
      }),
      { numRuns: 300 },
    );
  });

  /** Resolves it to the last run; anything thrown must be a Failure that can be put into words with a place. */
  async function answers(text: string): Promise<void> {
    try {
      const study = await studyOf(text);
      expect(study.experiments.length).toBeGreaterThan(0);
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
      expect(failureText(error.failure, colors)).toContain('pipeline.json:');
    }
  }
});

type Dag = { step: string; stage: string; inputs?: object; unless?: object }[];

/** Every place of a JSON value where another value can be put. */
function placesOf(value: unknown): { parent: object; put(value: unknown): void }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const parent = value as Record<string, unknown>;
    return [{ parent, put: (other: unknown) => void (parent[key] = other) }, ...placesOf(parent[key])];
  });
}
