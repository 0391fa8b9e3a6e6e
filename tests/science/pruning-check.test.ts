/** What a stage wrote in the place of prune: everything that later stages rely on is checked, and named. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pruning } from '../../src/generated/pruning.ts';
import type { Masks, Tensor, Weights } from '../../src/model/language-model.ts';
import { pruningMistake, type WrittenPruning } from '../../src/science/pruning-check.ts';
import { pruningOf } from '../../src/science/pruning-outputs.ts';
import { applyMasks, prune } from '../../src/science/pruning.ts';

const bits = (...data: number[]) => Uint8Array.from(data);

/** Two tensors and a norm; the second weight of `a` was pruned before, its first is pruned now. */
function sound() {
  const given: Weights = new Map([
    ['a', { shape: [2, 2], data: Float32Array.of(1, 0, 3, 4) }],
    ['b', { shape: [1, 2], data: Float32Array.of(5, 6) }],
    ['norm', { shape: [2], data: Float32Array.of(1, 1) }],
  ]);
  const earlier: Masks = new Map([['a', { shape: [2, 2], data: bits(1, 0, 1, 1) }]]);
  const masks: Masks = new Map([
    ['a', { shape: [2, 2], data: bits(0, 0, 1, 1) }],
    ['b', { shape: [1, 2], data: bits(1, 1) }],
  ]);
  const weights = new Map<string, Tensor>(applyMasks(given, masks));
  const pruning = pruningOf([
    { tensor: 'a', kind: 'up', weights: 4, pruned: 2, prunedNow: 1, threshold: null },
    { tensor: 'b', kind: 'down', weights: 2, pruned: 0, prunedNow: 0, threshold: null },
  ]);
  return { before: { weights: given, masks: earlier }, weights, masks, pruning };
}

type Written = ReturnType<typeof sound>;

test('what the rules ask for passes: other values of kept weights, too, and -0 for a pruned one', () => {
  const written = sound();
  expect(pruningMistake(written)).toBeUndefined();
  written.weights.set('a', { shape: [2, 2], data: Float32Array.of(-0, 0, 7, 8) });
  expect(pruningMistake(written)).toBeUndefined();
});

const of =
  <Name extends keyof Pruning>(name: Name, value: unknown) =>
  (written: Written) =>
    void (written.pruning = { ...written.pruning, [name]: value });

test.each<[what: string, breakIt: (written: Written) => void, artifact: string, message: string | RegExp]>([
  ['a missing tensor', ({ weights }) => weights.delete('b'), 'weights', 'The tensor b is missing'],
  [
    'one too many',
    ({ weights }) => weights.set('c', weights.get('a')!),
    'weights',
    'The input weights have no tensor c',
  ],
  [
    'a transposed one',
    ({ weights }) => weights.set('b', { shape: [2, 1], data: Float32Array.of(5, 6) }),
    'weights',
    'The tensor b has the shape [2, 1], the input weights [1, 2]',
  ],
  [
    'a flat one',
    ({ weights }) => weights.set('a', { shape: [4], data: Float32Array.of(0, 0, 3, 4) }),
    'weights',
    'The tensor a has the shape [4], the input weights [2, 2]',
  ],
  [
    'whole numbers',
    ({ weights }) => weights.set('b', { shape: [1, 2], data: bits(5, 6) }),
    'weights',
    'The tensor b is not float32',
  ],
  [
    'NaN',
    ({ weights }) => weights.set('b', { shape: [1, 2], data: Float32Array.of(5, NaN) }),
    'weights',
    /NaN, at \[0, 1\] of b/,
  ],
  [
    'infinity',
    ({ weights }) => weights.set('b', { shape: [1, 2], data: Float32Array.of(Infinity, 6) }),
    'weights',
    /Infinity, at \[0, 0\] of b/,
  ],
  [
    'weights under the mask',
    ({ weights }) => weights.set('a', { shape: [2, 2], data: Float32Array.of(1, 0, 3, 4) }),
    'weights',
    'The weight [0, 0] of a is 1, and its mask says that it is pruned',
  ],
  ['no mask at all', ({ masks }) => masks.clear(), 'mask', 'There is no tensor in it'],
  ['a mask of nothing', ({ masks }) => masks.set('c', masks.get('b')!), 'mask', 'The model has no tensor c'],
  [
    'a mask of another shape',
    ({ masks }) => masks.set('b', { shape: [2], data: bits(1, 1) }),
    'mask',
    'The mask of b has the shape [2], the weights [1, 2]',
  ],
  [
    'a mask that grows again',
    ({ masks }) => masks.set('a', { shape: [2, 2], data: bits(0, 1, 1, 1) }),
    'mask',
    'The weight [0, 1] of a was pruned before and is kept now',
  ],
  ['a mask that is gone', ({ masks }) => masks.delete('a'), 'mask', 'The input mask has a, and this one does not'],
  [
    'a mask the wrong way round',
    ({ masks }) => masks.set('b', { shape: [1, 2], data: bits(0, 0) }),
    'weights',
    'The weight [0, 0] of b is 5, and its mask says that it is pruned',
  ],
  ['no statistics', (written) => void (written.pruning = [] as never), 'pruning', 'It must be object'],
  ['statistics without sparsity', of('sparsity', undefined), 'pruning', /sparsity/],
  ['a text for a number', of('pruned', '2'), 'pruning', 'pruned must be integer'],
  ['a field of its own', (written) => void Object.assign(written.pruning, { mine: 1 }), 'pruning', /"mine"/],
  [
    'a density for the sparsity',
    of('sparsity', 2 / 3),
    'pruning',
    /^sparsity is said to be 0\.666.* and is 0\.333.* in all tensors$/,
  ],
  [
    'all pruned ones as new',
    (written) => void Object.assign(written.pruning.tensors[0]!, { prunedNow: 2 }),
    'pruning',
    'prunedNow is said to be 2 and is 1 in a, by its mask',
  ],
  [
    'a tensor that is not counted',
    of('tensors', sound().pruning.tensors.slice(0, 1)),
    'pruning',
    'tensors lacks b, which has a mask',
  ],
  [
    'a tensor without a mask',
    (written) => void written.pruning.tensors.push({ ...written.pruning.tensors[1]!, tensor: 'norm' }),
    'pruning',
    'tensors names norm, which has no mask',
  ],
  [
    'a tensor twice',
    (written) => void written.pruning.tensors.push(written.pruning.tensors[1]!),
    'pruning',
    'tensors names b twice',
  ],
  [
    'kinds that do not add up',
    (written) => void Object.assign(written.pruning.kinds[0]!, { pruned: 1 }),
    'pruning',
    'pruned is said to be 1 and is 2 in the tensors of kind up',
  ],
  [
    'a kind too few',
    (written) => void written.pruning.kinds.pop(),
    'pruning',
    'kinds lacks down in the tensors of kind down',
  ],
])('%s', (_, breakIt, artifact, message) => {
  const written = sound();
  breakIt(written);
  const mistake = pruningMistake(written as WrittenPruning);
  expect(mistake).toMatchObject({ artifact, remedy: expect.stringMatching(/\.$/) as string });
  expect(mistake!.message).toMatch(message);
});

test('what prune itself writes passes, whatever it prunes', () => {
  const data = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(data, data, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (a, b, fraction, layerwise) => {
      const given: Weights = new Map([
        ['a', { shape: [2, 3], data: Float32Array.from(a) }],
        ['b', { shape: [3, 2], data: Float32Array.from(b) }],
      ]);
      const rule = {
        criterion: 'magnitude',
        fraction,
        scope: layerwise ? 'layerwise' : 'global',
        of: 'remaining',
        forced: [],
        protected: [],
        seed: 0,
      } as const;
      let masks: Masks = new Map();
      for (let round = 0; round < 2; round++) {
        const outcome = prune(given, masks, rule);
        const pruning = pruningOf(
          outcome.tensors.map((each) => ({ ...each, kind: each.tensor })),
          outcome,
        );
        const weights = applyMasks(given, outcome.masks);
        expect(
          pruningMistake({ before: { weights: given, masks }, weights, masks: outcome.masks, pruning }),
        ).toBeUndefined();
        masks = outcome.masks;
      }
    }),
  );
});
