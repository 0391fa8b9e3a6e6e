/** Which bundles are one job array, and that a limit on jobs at a time holds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arraysOf, arrayText, awaitedJobs, elementOf, type JobArray } from '../../src/engine/executors/slurm/arrays.ts';
import type { Bundle } from '../../src/engine/executors/slurm/bundles.ts';

interface Settings {
  partition: string;
  limit?: number;
  memory?: number;
}

const limitOf = ({ limit }: Settings) => limit;

function bundle(after: (number | string)[], settings: Settings = { partition: 'gpu' }): Bundle<Settings> {
  return { name: '', nodes: [], places: [], seconds: null, settings, after };
}

/** `elements of bundles <- what they wait for`. */
const shown = (arrays: readonly JobArray<object>[]) =>
  arrays.map((array) => `${arrayText(array)}${array.after.length === 0 ? '' : ` <- ${array.after.join()}`}`);

describe('job arrays', () => {
  it('have what is alike in settings and in what it waits for', () => {
    const bundles = [bundle([]), bundle([]), bundle([0]), bundle([1]), bundle([0]), bundle([2, 3, 4, '7_1'])];
    expect(shown(arraysOf(bundles, limitOf))).toEqual(['0-1', '2,4 <- 0', '3 <- 1', '5 <- 2,3,4,7_1']);
    bundles[1]!.settings = { partition: 'cpu' };
    expect(shown(arraysOf(bundles, limitOf))[0]).toBe('0');
  });

  it('with a limit, have what is equally deep, and wait for the one before', () => {
    const settings = { partition: 'gpu', limit: 2 };
    const other = { partition: 'cpu' };
    const bundles = [
      ...[bundle([], settings), bundle([], settings), bundle([], settings), bundle([], other)],
      ...[bundle([0], settings), bundle([1], settings), bundle([4, 5], settings)],
    ];
    expect(shown(arraysOf(bundles, limitOf))).toEqual(['0-2%2', '3', '4-5%2 <- 0,1,2', '6%2 <- 4,5']);
  });

  it('share a limit with what differs from them in nothing that counts', () => {
    const [small, large] = [1, 2].map((memory) => ({ partition: 'gpu', limit: 2, memory }));
    const bundles = [bundle([], small), bundle([], large), bundle([], small), bundle([0], small)];
    expect(shown(arraysOf(bundles, limitOf))).toEqual(['0,2%2', '1%2', '3%2 <- 0,2']);
    const arrays = arraysOf(bundles, limitOf, { sharingOf: ({ partition }) => ({ partition }) });
    expect(shown(arrays)).toEqual(['0,2%2', '1%2 <- 0,2', '3%2 <- 0,1']);
  });

  it('have no element number that Slurm does not take', () => {
    const bundles = Array.from({ length: 2500 }, () => bundle([]));
    const arrays = arraysOf(bundles, limitOf);
    expect(arrays.map((array) => [arrayText(array), array.offset])).toEqual([
      ['0-999', 0],
      ['0-999', 1000],
      ['0-499', 2000],
    ]);
  });

  it('know the job of a bundle, and name whole arrays where they wait for all of one', () => {
    const bundles = [bundle([]), bundle([]), bundle([0, 1]), bundle([1, '7_1'])];
    const arrays = arraysOf(bundles, limitOf, { mostElements: 3 });
    expect(shown(arrays)).toEqual(['0-1', '2 <- 0,1', '0 <- 1,7_1']);
    expect(elementOf(arrays, 1)).toBeUndefined();
    arrays[0]!.job = '123';
    arrays[2]!.job = '125';
    expect(arrays.map((array) => awaitedJobs(array, arrays))).toEqual([[], ['123'], ['123_1', '7_1']]);
    expect([elementOf(arrays, 1), elementOf(arrays, 2), elementOf(arrays, 3)]).toEqual(['123_1', undefined, '125_0']);
  });
});

/** Bundles as cutting makes them: each waits for earlier ones. */
const anyBundles = fc
  .array(
    fc.record({
      after: fc.array(fc.nat(), { maxLength: 3 }),
      held: fc.boolean(),
      partition: fc.constantFrom('gpu', 'cpu', 'large'),
      memory: fc.nat(1),
    }),
    { maxLength: 30 },
  )
  .map((drawn) =>
    drawn.map(({ after, held, partition, memory }, index) => {
      const limit = { gpu: 2, large: 1, cpu: undefined }[partition];
      return bundle([...new Set(index === 0 ? [] : after.map((each) => each % index)), ...(held ? ['7_1'] : [])], {
        partition,
        memory,
        ...(limit !== undefined && { limit }),
      });
    }),
  );
const anySize = fc.constantFrom(1, 2, 5, 1000);

describe('of any bundles', () => {
  it('each is in one array, with its own settings, and waits for at least what it has to', () =>
    fc.assert(
      fc.property(anyBundles, anySize, (bundles, mostElements) => {
        const arrays = arraysOf(bundles, limitOf, { mostElements });
        expect(arrays.flatMap((array) => array.bundles).sort((a, b) => a - b)).toEqual([...bundles.keys()]);
        const submitted = new Set<number>();
        for (const { bundles: members, after, settings, offset } of arrays) {
          for (const each of after) if (typeof each === 'number') expect(submitted.has(each)).toBe(true);
          for (const index of members) {
            submitted.add(index);
            expect(bundles[index]!.settings).toEqual(settings);
            for (const each of bundles[index]!.after) expect(after).toContain(each);
            expect(index - offset).toBeGreaterThanOrEqual(0);
            expect(index - offset).toBeLessThan(mostElements);
          }
        }
      }),
    ));

  it('the same element numbers come out of the text for sbatch', () =>
    fc.assert(
      fc.property(anyBundles, anySize, (bundles, mostElements) => {
        for (const array of arraysOf(bundles, limitOf, { mostElements })) {
          const [ranges] = arrayText(array).split('%') as [string];
          const numbers = ranges.split(',').flatMap((range) => {
            const [first, last = first] = range.split('-').map(Number) as [number, number?];
            return Array.from({ length: last - first + 1 }, (_, index) => first + index);
          });
          expect(numbers.map((number) => number + array.offset)).toEqual(array.bundles);
        }
      }),
    ));

  it('all come to run, and never more with one kind of settings at a time than they allow', () =>
    fc.assert(
      fc.property(anyBundles, anySize, fc.infiniteStream(fc.nat()), (bundles, mostElements, draws) => {
        const sharingOf = ({ partition }: Settings) => ({ partition });
        const arrays = arraysOf(bundles, limitOf, { mostElements, sharingOf });
        const ended = new Set<number | string>(['7_1']);
        const running = new Set<number>();
        const started = new Set<number>();
        while (ended.size <= bundles.length) {
          for (const { after, bundles: members, limit = Infinity } of arrays) {
            if (!after.every((each) => ended.has(each))) continue;
            for (const index of members)
              if (!started.has(index) && members.filter((each) => running.has(each)).length < limit) {
                started.add(index);
                running.add(index);
              }
          }
          for (const { settings } of arrays) {
            const alike = [...running].filter((index) => bundles[index]!.settings.partition === settings.partition);
            expect(alike.length).toBeLessThanOrEqual(settings.limit ?? Infinity);
          }
          const next = [...running][draws.next().value! % running.size];
          if (next === undefined) break;
          running.delete(next);
          ended.add(next);
        }
        expect(started.size).toBe(bundles.length);
      }),
    ));
});
