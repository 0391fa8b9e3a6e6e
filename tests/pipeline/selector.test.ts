/** Selectors of nodes on the command line. */
import { describe, expect, test } from 'vitest';
import { SwpError } from '../../src/base/failure.ts';
import type { PlannedNode } from '../../src/engine/node.ts';
import { parseSelector, selectNodes } from '../../src/pipeline/selector.ts';
import { toyStages } from '../support/toy-stages.ts';

function node(key: string, stage: string, ...places: [experiment: string, seed: number, round: number][]): PlannedNode {
  const labels = places.map(([experiment, seed, round]) => ({ experiment, seed, round, step: stage }));
  return { key, stage: toyStages[stage]!, params: {}, inputs: {}, gathers: {}, files: [], labels, preimage: {} };
}

const nodes = [
  node('aa01', 'init', ['A1', 0, 0], ['B1', 0, 0]),
  node('ab02', 'train', ['A1', 0, 1]),
  node('bc03', 'train', ['B1', 0, 1]),
  node('bd04', 'train', ['B1', 1, 2]),
  node('ee05', 'aggregate', ['*', 0, 0]),
];
const select = (...words: string[]) => selectNodes(nodes, parseSelector(words)).map(({ key }) => key);

function messageOf(...words: string[]): string {
  try {
    select(...words);
  } catch (error) {
    if (error instanceof SwpError && error.failure.kind === 'usage')
      return [error.failure.message, error.failure.suggestion ?? '', error.failure.expected ?? ''].join('|');
    throw error;
  }
  return '';
}

describe('a selector', () => {
  test('means every node without words', () => expect(select()).toHaveLength(nodes.length));

  test('values of one name are alternatives, different names must all hold', () => {
    expect(select('experiment=A1,B1', 'stage=train')).toEqual(['ab02', 'bc03', 'bd04']);
    expect(select('stage=train', 'stage=init')).toEqual(['aa01', 'ab02', 'bc03', 'bd04']);
    expect(select('experiment=B1', 'seed=1', 'round=2')).toEqual(['bd04']);
  });

  test('a shared node is meant by each of its places', () => {
    expect(select('experiment=B1', 'round=0')).toEqual(['aa01']);
  });

  test('all names must hold in one place, not in several of them', () => {
    const shared = [node('ff06', 'train', ['A1', 0, 1], ['B1', 1, 2])];
    expect(() => selectNodes(shared, parseSelector(['experiment=A1', 'seed=1']))).toThrow(
      'No node of this profile is experiment=A1 seed=1.',
    );
  });

  test('takes globs, and keys cut short', () => {
    expect(select('experiment=*1', 'round=[1-2]')).toEqual(['ab02', 'bc03', 'bd04']);
    expect(select('key=b')).toEqual(['bc03', 'bd04']);
  });

  test('what names nothing is refused with the nearest name', () => {
    expect(messageOf('stage=trian')).toBe(
      'No node of this profile has stage=trian.|train|"aggregate", "init" or "train"',
    );
    expect(messageOf('experiment=C7')).toBe('No node of this profile has experiment=C7.||"A1" or "B1"');
    expect(messageOf('stag=train')).toContain('Nothing can be selected by "stag".|stage|');
    expect(messageOf('train')).toContain('"train" is no selector.||NAME=VALUE[,VALUE...]');
    expect(messageOf('seed=')).toBe('"seed=" has no value.||seed=VALUE[,VALUE...]');
  });
});
