/** Stage definitions without work in them: what a study says about stages can be tested with these alone. */
import { SwpError } from '../../src/base/failure.ts';
import type { StageDefinition } from '../../src/engine/stage.ts';
import type { StageSource } from '../../src/pipeline/study.ts';

const neverRun = () => Promise.reject(new Error('A toy stage does not run.'));

function toy(name: string, properties: object, inputs: StageDefinition['inputs'], outputs: string[]): StageDefinition {
  return {
    name,
    summary: `Toy ${name}.`,
    params: { type: 'object', additionalProperties: false, properties },
    inputs,
    outputs: Object.fromEntries(outputs.map((output) => [output, { summary: output, file: `${output}.json` }])),
    run: neverRun,
  };
}

/** The shape of the real stages, with few parameters. */
export const toyStages: Record<string, StageDefinition> = {
  load: toy('load', { checkpoint: { type: 'integer', minimum: 0, unit: 'seed' } }, {}, ['weights']),
  init: toy(
    'init',
    { scheme: { enum: ['pretrained', 'xavier'], default: 'pretrained' }, seed: { type: 'integer', unit: 'seed' } },
    { pretrained: { summary: 'weights' } },
    ['weights'],
  ),
  train: toy(
    'train',
    {
      steps: { type: 'integer', minimum: 0, default: 1000, unit: 'steps', description: 'Optimizer steps.' },
      warmupSteps: { type: 'integer', minimum: 0, default: 0, unit: 'steps' },
      rate: { type: 'number', exclusiveMinimum: 0, default: 0.1 },
      state: { enum: ['reset', 'keep'], default: 'reset' },
      seed: { type: 'integer', unit: 'seed' },
    },
    {
      weights: { summary: 'weights to start from' },
      mask: { summary: 'mask', optional: true },
      state: { summary: 'moments', optional: true },
    },
    ['weights', 'state', 'curve'],
  ),
  prune: toy(
    'prune',
    {
      fraction: { type: 'number', minimum: 0, maximum: 1, default: 0 },
      force: { enum: ['none', 'reference'], default: 'none' },
      list: { type: 'array', items: { type: 'integer' }, default: [] },
    },
    { weights: { summary: 'weights' }, mask: { summary: 'mask', optional: true } },
    ['weights', 'mask'],
  ),
  detect: toy(
    'detect',
    { largest: { type: 'integer', default: 0 }, seed: { type: 'integer', default: 7 } },
    { weights: { summary: 'weights' }, reference: { summary: 'reference', optional: true } },
    ['found'],
  ),
  aggregate: toy(
    'aggregate',
    { study: { unit: 'study', type: 'object' } },
    { found: { summary: 'all', gather: true } },
    ['results'],
  ),
};

export const toyStageSource: StageSource = {
  async load(name) {
    const definition = Object.hasOwn(toyStages, name) ? toyStages[name] : undefined;
    if (definition !== undefined) return { definition };
    throw new SwpError({
      kind: 'usage',
      message: `There is no stage "${name}".`,
      expected: `one of ${Object.keys(toyStages).join(', ')}`,
    });
  },
};

/** A study of these stages in the manner of the project's own; tests change what they are about. */
export function toyStudy(): Record<string, unknown> & { dag: unknown[]; experiments: Record<string, unknown> } {
  return {
    name: 'toy',
    dag: [
      { step: 'load', stage: 'load' },
      { step: 'init', stage: 'init', inputs: { pretrained: 'load.weights' } },
      { step: 'detect-start', stage: 'detect', inputs: { weights: 'init.weights' }, params: { largest: 30 } },
      {
        repeat: 'rounds',
        final: ['train', 'detect-trained'],
        steps: [
          {
            step: 'train',
            stage: 'train',
            unless: { steps: 0 },
            inputs: {
              weights: ['prune.weights', 'train.weights', 'init.weights'],
              mask: 'prune.mask',
              state: { when: { 'train.state': 'keep' }, use: 'train.state' },
            },
          },
          {
            step: 'detect-trained',
            stage: 'detect',
            inputs: {
              weights: 'this train.weights',
              reference: {
                when: { 'init.scheme': 'pretrained' },
                use: 'detect-start.found',
                otherwise: 'first detect-trained.found',
              },
            },
          },
          {
            step: 'prune',
            stage: 'prune',
            unless: { fraction: 0, force: 'none' },
            inputs: { weights: ['train.weights', 'init.weights'], mask: 'prune.mask' },
          },
        ],
      },
      { step: 'aggregate', stage: 'aggregate', gather: { found: ['detect-start.found', 'detect-trained.found'] } },
    ],
    defaults: { rounds: 2, finalTrain: true, seeds: [0, 1], params: { train: { rate: 0.2 } } },
    experiments: {
      A1: { params: { train: { steps: 3000 }, prune: { fraction: 0.1 } } },
      A2: { params: { train: { steps: 3000 }, prune: { fraction: 0.2 } } },
    },
  };
}
