/** What is done to an experiment besides plain pruning and training, in words. */
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import {
  ownStepValues,
  paramValues,
  type ParamName,
  type ParamValue,
  type StageName,
} from '../science/study-declaration.ts';

type Treatment = (study: StudyDeclaration, experiment: ExperimentDeclaration) => string | undefined;

/** The words for an experiment's first value that has some. */
function treatment<Stage extends StageName, Name extends ParamName<Stage>>(
  stage: Stage,
  name: Name,
  words: Partial<Record<ParamValue<Stage, Name> & string, string>>,
): Treatment {
  return (study, experiment) => {
    const values = [...paramValues(experiment, stage, name), ...ownStepValues(study, experiment, stage, name)];
    return values.map((value) => words[value as ParamValue<Stage, Name> & string]).find((text) => text !== undefined);
  };
}

const CRITERIA: Partial<Record<ParamValue<'prune', 'criterion'>, string>> = {
  random: 'random pruning',
  shuffled: 'random within tensors',
};

/** A criterion that has no words here goes by its name. */
const criterion: Treatment = (_study, experiment) => {
  const other = paramValues(experiment, 'prune', 'criterion').find((value) => value !== 'magnitude');
  return other === undefined ? undefined : (CRITERIA[other] ?? `by ${other}`);
};

const TREATMENTS: readonly Treatment[] = [
  criterion,
  treatment('prune', 'protect', {
    reference: 'super weights protected',
    detected: 'detected super weights protected',
  }),
  treatment('prune', 'scope', { layerwise: 'per layer' }),
  treatment('prune', 'of', { cumulative: 'cumulative targets' }),
  treatment('train', 'mask', { release: 'mask released' }),
  treatment('rewind', 'to', {
    init: 'rewound to init',
    step: 'rewound to an early step',
    pretrained: 'rewound to pretrained',
    fresh: 'fresh init under the mask',
  }),
  treatment('rewind', 'mask', { shuffle: 'mask shuffled' }),
  treatment('eval', 'restore', { 'super-activation': 'super activation restored' }),
];

/** `super weights protected, per layer`; empty if nothing is. */
export function treatmentOf(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  return TREATMENTS.flatMap((textOf) => textOf(study, experiment) ?? []).join(', ');
}
