/** A study of the real stages that takes a second or two: tiny batches, few steps, no detection and no report. */
export interface TinyStudy {
  dag: unknown[];
  experiments: Record<string, { params?: Record<string, Record<string, unknown>>; [key: string]: unknown }>;
  defaults: {
    rounds: number;
    seeds: number[];
    params: Record<string, Record<string, unknown>>;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

export function tinyStudy(): TinyStudy {
  return {
    name: 'tiny',
    dag: [
      { step: 'load', stage: 'load-pretrained' },
      { step: 'init', stage: 'init', inputs: { pretrained: 'load.weights' } },
      {
        repeat: 'rounds',
        final: ['train', 'eval'],
        steps: [
          {
            step: 'train',
            stage: 'train',
            inputs: { weights: ['prune.weights', 'init.weights'], mask: 'prune.mask', position: 'train.position' },
          },
          { step: 'eval', stage: 'eval', inputs: { weights: 'this train.weights' } },
          { step: 'prune', stage: 'prune', inputs: { weights: 'this train.weights', mask: 'prune.mask' } },
        ],
      },
    ],
    defaults: {
      rounds: 1,
      seeds: [0],
      params: {
        train: { steps: 2, batchSize: 2, sequenceLength: 8 },
        eval: { sequences: 8, batchSize: 8, sequenceLength: 32 },
        prune: { fraction: 0.1 },
      },
    },
    experiments: { A1: {}, A2: { params: { prune: { fraction: 0.2 } } } },
  };
}
