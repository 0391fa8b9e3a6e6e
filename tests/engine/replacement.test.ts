/** A manifest that says which stage its own replaces: it has to declare what that one does. */
import { expect, test } from 'vitest';
import { JsonSource } from '../../src/base/json-source.ts';
import { refuseReplacement } from '../../src/engine/replacement.ts';
import type { StageManifest } from '../../src/generated/stage-manifest.ts';
import prune from '../../stages/prune.ts';

const output = (file: string) => ({ summary: 'Written.', file });
const MANIFEST: StageManifest = {
  ...{ name: 'own', summary: 'Prunes.', command: ['./own'], code: ['own'], replaces: 'prune' },
  inputs: { weights: { summary: 'Read.' }, mask: { summary: 'Read.', optional: true } },
  outputs: { weights: output('w.safetensors'), mask: output('m.safetensors'), pruning: output('p.json') },
};

function refuse(changed: Partial<StageManifest>): void {
  const manifest = { ...MANIFEST, ...changed };
  refuseReplacement(manifest, new JsonSource('own.stage.json', JSON.stringify(manifest, null, 2)), [prune]);
}

test('a stage that has the inputs and outputs of prune may replace it', () => {
  expect(() => refuse({})).not.toThrow();
});

test.each<[what: string, changed: Partial<StageManifest>, message: string, suggestion: string | undefined]>([
  ['a mistyped name', { replaces: 'prun' }, '"prun" is no stage that can be replaced.', 'prune'],
  ['a stage that cannot be replaced', { replaces: 'train' }, '"train" is no stage that can be replaced.', undefined],
  [
    'an output that is missing',
    { outputs: { weights: output('w') } },
    '"prune" has the output "mask", and this stage does not.',
    undefined,
  ],
  [
    'an input of nearly the name',
    { inputs: { weights: { summary: 'Read.' }, masks: { summary: 'Read.' } } },
    '"prune" has the input "mask", and this stage does not.',
    'masks',
  ],
])('%s is told', (_, changed, message, suggestion) => {
  expect(() => refuse(changed)).toThrow(
    expect.objectContaining({ failure: expect.objectContaining({ kind: 'study', message, suggestion }) as unknown }),
  );
});
