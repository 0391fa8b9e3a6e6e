/** A model's config.json: what is wrong is shown at its place, with the name that was meant. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { configPath } from '../../src/model/model-config.ts';
import { parseModelConfig } from '../../src/model/parse-config.ts';

const LLAMA = readFileSync(configPath('marker-retrieval'), 'utf8');
const GPT2 = readFileSync(configPath('marker-retrieval-gelu'), 'utf8');

type Shown = Extract<Failure, { kind: 'study' }>;

function mistakesOf(text: string): Shown[] {
  try {
    parseModelConfig('/models/m/config.json', text);
    return [];
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return (error.failure.kind === 'several' ? error.failure.failures : [error.failure]) as Shown[];
  }
}

/** `line:column message -> suggestion` of each mistake. */
const told = (text: string) =>
  mistakesOf(text).map(
    ({ at, message, suggestion }) =>
      `${at.line}:${at.column} ${message}${suggestion === undefined ? '' : ` -> ${suggestion}`}`,
  );

test('the configurations of the built-in models are right', () => {
  expect([told(LLAMA), told(GPT2), told(`\uFEFF${LLAMA}`)]).toEqual([[], [], []]);
});

test('a model need not be made for a built-in language', () => {
  expect(told(LLAMA.replace(/ *"corpus": .*\n/, ''))).toEqual([]);
});

describe('a mistake is told at its place, with the nearest name', () => {
  test.each<[string, string, string[]]>([
    [
      'a mistyped field',
      LLAMA.replace('"layers"', '"layer"'),
      ['4:3 A model of the family "llama" has no field "layer". -> layers'],
    ],
    ['a missing field', LLAMA.replace(/ *"width": 48,\n/, ''), ['1:1 "width" is missing.']],
    ['a wrong type', LLAMA.replace('"heads": 2', '"heads": "2"'), ['6:12 "2" is not possible here.']],
    ['a number out of range', LLAMA.replace('"layers": 3', '"layers": 0'), ['4:13 0 is not possible here.']],
    [
      'an unknown corpus',
      LLAMA.replace('"corpus": "marker-retrieval"', '"corpus": "marker-retreival"'),
      ['3:13 "marker-retreival" is not possible here. -> marker-retrieval'],
    ],
    [
      'a family that there is not',
      LLAMA.replace('"llama"', '"lama"'),
      ['2:13 "lama" is no family of decoders. -> llama'],
    ],
    ['a family that is no string', LLAMA.replace('"llama"', '3'), ['2:13 3 is not possible here.']],
    ['a mistyped family', LLAMA.replace('"family"', '"famly"'), ['2:3 A model has no field "famly". -> family']],
    [
      'fields of another family',
      LLAMA.replace('"ropeTheta": 10000', '"positions": 64'),
      ['1:1 "ropeTheta" is missing.', '9:3 A model of the family "llama" has no field "positions".'],
    ],
    [
      'what does not go together',
      LLAMA.replace('"width": 48', '"width": 50'),
      ['5:12 "width" 50 is no multiple of twice the 2 heads.'],
    ],
    [
      'groups that heads do not divide into',
      LLAMA.replace('"heads": 2', '"heads": 4, "keyValueHeads": 3'),
      ['6:32 "keyValueHeads" 3 does not divide the 4 heads.'],
    ],
    ['a head of odd width', LLAMA.replace('"heads": 2', '"heads": 2, "headWidth": 5'), ['6:28 "headWidth" 5 is odd.']],
    [
      'rotary positions that are slowed in no way that there is',
      LLAMA.replace('"heads": 2', '"heads": 2, "ropeScaling": { "type": "yarn", "factor": 2 }'),
      ['6:40 "yarn" is not possible here.'],
    ],
    [
      'a name that stands there twice',
      LLAMA.replace('"heads"', '"layers"'),
      ['6:3 "layers" stands here a second time.'],
    ],
    [
      'a text that ends too early',
      LLAMA.slice(0, LLAMA.indexOf('}')),
      [expect.stringMatching(/The file ends too early\.$/) as string],
    ],
    ['no object', '[]', ['1:1 A list is not possible here.']],
    ['nothing at all', '', ['1:1 The file is empty.']],
    ['"__proto__"', LLAMA.replace('"heads"', '"__proto__"'), ['6:3 "__proto__" cannot be a name.']],
  ])('%s', (_, text, expected) => {
    expect(told(text)).toEqual(expected);
  });

  test('fields by the names that Hugging Face gives them: what they are called here, and what there is no field for', () => {
    const foreign = JSON.stringify(
      {
        architectures: ['LlamaForCausalLM'],
        family: 'llama',
        hidden_act: 'silu',
        hidden_size: 48,
        intermediate_size: 96,
        rms_norm_eps: 1e-6,
        rope_scaling: null,
      },
      null,
      2,
    );
    const all = told(foreign);
    expect(all).toContain('6:3 A model of the family "llama" has no field "hidden_act".');
    expect(all).toContain(
      '7:3 A model of the family "llama" has no field "hidden_size": that is Hugging Face\'s name of it. -> width',
    );
    expect(all).toContain('2:3 A model of the family "llama" has no field "architectures".');
  });
});

test('whatever the text, the answer is a configuration or a failure with a place', () => {
  const name = fc.constantFrom('family', 'corpus', 'layers', 'width', 'heads', 'constructor', 'toString', '__proto__');
  fc.assert(
    fc.property(fc.dictionary(name, fc.jsonValue({ maxDepth: 2 })), fc.nat(200), (fields, cut) => {
      for (const text of [JSON.stringify(fields), LLAMA.slice(0, cut)])
        for (const { kind, at } of mistakesOf(text)) {
          expect(kind).toBe('study');
          expect(at.line).toBeGreaterThan(0);
        }
    }),
    { numRuns: 150 },
  );
});
