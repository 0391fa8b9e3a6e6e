/** A small study in which every key of pipeline.json and every parameter of every stage has a value. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';

const STAGES = ['load-pretrained', 'init', 'train', 'prune', 'rewind', 'detect-sw', 'eval', 'plant-spikes'];

interface Property {
  unit?: string;
  default?: unknown;
}

/** Written out one value a line. */
export function fullStudy(): Record<string, unknown> {
  return {
    $schema: './schemas/pipeline.schema.json',
    name: 'full',
    description: 'Everything that can be said.',
    dag: [
      { step: 'load', stage: 'load-pretrained' },
      { step: 'init', stage: 'init', inputs: { pretrained: 'load.weights' } },
      {
        step: 'detect-start',
        stage: 'detect-sw',
        measures: 'start',
        inputs: { weights: 'init.weights' },
        params: { rescans: 0 },
      },
      {
        repeat: 'rounds',
        final: ['train'],
        steps: [
          {
            step: 'train',
            stage: 'train',
            unless: { steps: 0 },
            inputs: {
              weights: ['rewind.weights', 'prune.weights', 'init.weights'],
              mask: { when: { 'train.mask': ['hold'] }, use: 'rewind.mask', otherwise: 'prune.mask' },
            },
          },
          { step: 'prune', stage: 'prune', inputs: { weights: ['this train.weights', 'init.weights'] } },
          {
            step: 'rewind',
            stage: 'rewind',
            inputs: { weights: 'prune.weights', mask: 'prune.mask', point: 'first train.weights' },
          },
        ],
      },
      { step: 'eval', stage: 'eval', measures: 'trained', inputs: { weights: 'train.weights' } },
      { step: 'plant', stage: 'plant-spikes' },
      {
        step: 'aggregate',
        stage: 'aggregate',
        gather: {
          curves: 'train.curve',
          prunings: 'prune.pruning',
          evaluations: ['eval.evaluation'],
          superWeights: 'detect-start.superWeights',
        },
      },
    ],
    defaults: {
      rounds: 1,
      finalTrain: true,
      seeds: [0, 1],
      model: 'marker-retrieval',
      params: { ...Object.fromEntries(STAGES.map((stage) => [stage, defaultsOf(stage)])) },
    },
    experiments: {
      A1: { description: 'The baseline.', role: 'arm', scaleSteps: false },
      B1: {
        extends: 'A1',
        model: 'marker-retrieval-gelu',
        rounds: 2,
        finalTrain: false,
        seeds: [0],
        perRound: { prune: { fraction: [0.1, 0.2] } },
        perStep: { 'detect-start': { ablateLargest: 1 } },
        params: { prune: { coordinates: [{ tensor: 'transformer.h.0.mlp.c_proj.weight', row: 0, col: 1 }] } },
      },
      'T{n}': { matrix: { n: [1, 2] }, extends: 'A1', params: { train: { steps: '{n}' } } },
    },
    profiles: {
      small: {
        description: 'Half of it.',
        experiments: ['A1', 'B*', 'T*'],
        scaleSteps: 0.5,
        seeds: [0],
        rounds: 1,
        finalTrain: true,
        model: 'marker-retrieval',
        params: { eval: { sequences: 8 } },
        accept: { 'sample-size': 'A trial.' },
      },
    },
    defaultProfile: 'small',
    comparisons: [
      {
        name: 'steps-{n}',
        matrix: { n: [1, 2] },
        question: 'How many?',
        topic: 'budget',
        arms: ['A1', 'T{n}'],
        varies: ['train.steps'],
        family: 'f',
        metrics: ['loss'],
        accept: { 'missing-control': 'A trial.' },
      },
    ],
    analysis: { alpha: 0.05, confidence: 0.95, tolerance: 0.01 },
  };
}

/** What the schema says, but for what follows from the experiment; small where it is a number of sequences. */
function defaultsOf(stage: string): Record<string, unknown> {
  const path = join(packageRoot, 'schemas/stages', `${stage}.schema.json`);
  const { properties } = JSON.parse(readFileSync(path, 'utf8')) as { properties: Record<string, Property> };
  const given = Object.entries(properties).filter(([, { unit }]) => unit !== 'model' && unit !== 'seed');
  const seeds = Object.entries(properties).filter(([, { unit }]) => unit === 'seed');
  const small = stage === 'plant-spikes' ? { layers: [1], widths: [16], families: ['llama'], strengths: [2] } : {};
  return {
    ...Object.fromEntries(given.map(([name, schema]) => [name, schema.default])),
    ...Object.fromEntries(seeds.map(([name]) => [name, 0])),
    ...small,
  };
}
