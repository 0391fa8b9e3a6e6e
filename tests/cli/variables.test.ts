/** A mistyped variable of the environment is told, with the one that was meant. */
import { expect, test } from 'vitest';
import { writeMistypedVariables } from '../../src/cli/variables.ts';

function told(env: NodeJS.ProcessEnv): string[] {
  const lines: string[] = [];
  writeMistypedVariables(env, { errorLine: (line) => void lines.push(line) });
  return lines;
}

test('what looks like a variable of swp and is none', () => {
  expect(told({ SWP_CACHE: 'a', SWP_PROFILE: 'b', SWP_GPUS: '0', PATH: '' })).toEqual([]);
  expect(told({ SWP_CAHCE: 'a', SWP_PROFLE: 'b', swp_cache: 'c', SWP_SOMETHING_ELSE: 'd' })).toEqual([
    'warning: swp reads no variable SWP_CAHCE. Did you mean SWP_CACHE?',
    'warning: swp reads no variable SWP_PROFLE. Did you mean SWP_PROFILE?',
    'warning: swp reads no variable swp_cache. Did you mean SWP_CACHE?',
  ]);
});
