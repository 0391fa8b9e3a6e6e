/** Keys: the same for the same recipe however it is written down, another for any other ingredient. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/base/json.ts';
import { contentPreimage, recipePreimage, type Work } from '../../src/engine/key.ts';
import { canonicalJson } from '../../src/base/json.ts';
import { digestJson } from '../../src/base/digest.ts';

const WORK: Work = {
  stage: 'prune',
  code: 'c0de',
  computes: { graph: 'abc' },
  params: { fraction: 0.1, scope: 'global' },
  files: { checkpoint: 'f11e' },
};
const INPUTS = { weights: { key: 'aa', artifact: 'weights' } };
const GATHERS = {
  all: [
    { key: 'bb', artifact: 'curve', stage: 'train', label: { experiment: 'A1', seed: 0, round: 1, step: 'train' } },
  ],
};

describe('digestJson', () => {
  it('does not depend on the order of properties', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(digestJson(shuffled(value as JsonValue))).toBe(digestJson(value as JsonValue));
      }),
    );
  });

  it('tells values apart exactly if their canonical JSON differs', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(digestJson(a as JsonValue) === digestJson(b as JsonValue)).toBe(
          canonicalJson(a as JsonValue) === canonicalJson(b as JsonValue),
        );
      }),
    );
  });

  it('is the SHA-256 of RFC 8785 text', () => {
    // The example of RFC 8785, section 3.2.2, without the string.
    expect(
      canonicalJson({ numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27], literals: [null, true, false] }),
    ).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}');
    expect(digestJson({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  it('refuses what JSON cannot hold', () => {
    expect(() => digestJson({ learningRate: NaN })).toThrow();
    expect(() => digestJson({ learningRate: Infinity })).toThrow();
  });
});

describe('a recipe key', () => {
  const key = (work: Partial<Work> = {}, inputs = INPUTS, gathers: Parameters<typeof recipePreimage>[2] = GATHERS) =>
    digestJson(recipePreimage({ ...WORK, ...work }, inputs, gathers));
  const item = GATHERS.all[0]!;

  it.each<[string, string]>([
    ['stage', key({ stage: 'train' })],
    ['code', key({ code: 'other' })],
    ['what the stage computes', key({ computes: { graph: 'abd' } })],
    ['a parameter', key({ params: { fraction: 0.2, scope: 'global' } })],
    ['one parameter more', key({ params: { ...WORK.params, of: 'total' } })],
    ['one parameter less', key({ params: { fraction: 0.1 } })],
    ["a file's content", key({ files: { checkpoint: 'f12e' } })],
    ["a producer's key", key({}, { weights: { key: 'ab', artifact: 'weights' } })],
    ["the artifact's name", key({}, { weights: { key: 'aa', artifact: 'mask' } })],
    ["the input's name", key({}, { mask: { key: 'aa', artifact: 'weights' } } as never)],
    ['a gathered producer', key({}, INPUTS, { all: [{ ...item, key: 'cc' }] })],
    ['a gathered label', key({}, INPUTS, { all: [{ ...item, label: { ...item.label, seed: 1 } }] })],
    [
      'a gathered item that is missing',
      key({}, INPUTS, { all: [{ label: item.label, stage: 'train', artifact: 'curve', missing: true }] }),
    ],
  ])('depends on %s', (_ingredient, other) => {
    expect(other).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(key());
  });

  it('never meets a content key', () => {
    expect(digestJson(recipePreimage(WORK, {}, {}))).not.toBe(digestJson(contentPreimage(WORK, {}, {})));
  });
});

/** The same value with properties in the opposite order. */
function shuffled(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  // defineProperty, since a property may be called __proto__
  const turned: JsonObject = {};
  for (const name of Object.keys(value).reverse())
    Object.defineProperty(turned, name, {
      value: shuffled(value[name]!),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return turned;
}
