/** What is done to an experiment besides plain magnitude pruning and training, in words. */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';

const TREATMENTS: [stage: string, name: string, words: Record<string, string>][] = [
  ['prune', 'criterion', { random: 'random pruning', shuffled: 'random within tensors' }],
  ['prune', 'protect', { reference: 'super weights protected', detected: 'detected super weights protected' }],
  ['prune', 'scope', { layerwise: 'per layer' }],
  ['prune', 'of', { cumulative: 'cumulative targets' }],
  ['train', 'mask', { release: 'mask released' }],
  [
    'rewind',
    'to',
    {
      init: 'rewound to init',
      step: 'rewound to an early step',
      pretrained: 'rewound to pretrained',
      fresh: 'fresh init under the mask',
    },
  ],
  ['rewind', 'mask', { shuffle: 'mask shuffled' }],
  ['eval', 'restore', { 'super-activation': 'super activation restored' }],
];

/** `super weights protected, layerwise`; empty if nothing is. */
export function treatmentOf(experiment: ExperimentDeclaration): string {
  return TREATMENTS.flatMap(([stage, name, words]) => {
    const own = [(experiment.params[stage] as Record<string, unknown> | undefined)?.[name]].flat();
    const inSteps = Object.values(experiment.steps ?? {}).flatMap(({ params }) =>
      [(params as Record<string, unknown>)[name]].flat(),
    );
    const found = [...own, ...(stage === 'eval' || stage === 'rewind' ? inSteps : [])].find(
      (value) => typeof value === 'string' && value in words,
    );
    return found === undefined ? [] : [words[found as string]!];
  }).join(', ');
}
