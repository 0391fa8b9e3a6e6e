/** What two arms did differently besides what was varied: nothing is said to be all that differs unless it is. */
import { describe, expect, it } from 'vitest';
import type { ComparisonDeclaration } from '../../../src/generated/aggregate.ts';
import type { TestedDifference } from '../../../src/generated/results.ts';
import { pretrainingSteps } from '../../../src/model/pretraining.ts';
import { advantages, besidesText } from '../../../src/report/besides.ts';
import { studyResults } from '../../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from '../../report/study-fixture.ts';

const KNOWN = new Map([['marker-retrieval', 3500]]);

const arm = (id: string, more: Partial<FixtureArm> = {}): FixtureArm => ({
  id,
  description: '',
  steps: repeat(60, 3),
  fractions: repeat(0.1, 2),
  ...more,
});

/** `other` minus `arm`, compared in `varies`. */
function difference(other: Partial<FixtureArm>, varies: string[], pretrained = KNOWN): TestedDifference {
  const arms = [arm('arm'), arm('other', other)];
  const comparison: ComparisonDeclaration = {
    name: 'c',
    question: '?',
    topic: 'quality',
    arms: ['arm', 'other'],
    varies,
    family: 'f',
    metrics: ['loss'],
    accept: {},
  };
  const study = { ...fixtureStudy(arms), comparisons: [comparison] };
  return studyResults(study, fixturePieces(arms), undefined, undefined, pretrained).comparisons[0]!.differences[0]!;
}

const STUDY = fixtureStudy();

describe('besides what is varied, a comparison names', () => {
  it('the pretraining that one arm has and the other has not, as what makes the difference unfair', () => {
    const fromXavier = difference({ scheme: 'xavier' }, ['init.scheme']);
    expect(fromXavier.consequences).toEqual([{ what: 'pretraining steps', baseline: 3500, arm: 0 }]);
    expect(besidesText(fromXavier)).toBe('3,500 training steps of pretraining in arm');
    expect(advantages(fromXavier, ['init.scheme'], STUDY)).toEqual(['pretraining']);
    expect(besidesText(difference({ scheme: 'xavier' }, ['init.scheme'], new Map()))).toBe(
      'its pretraining, of unknown length, in arm',
    );
  });

  it('how much was trained, which is no surprise where that is what is varied', () => {
    const longer = difference({ steps: repeat(200, 3) }, ['train.steps']);
    expect(besidesText(longer)).toBe('total steps 180 → 600; sequences seen 2,880 → 9,600');
    expect(advantages(longer, ['train.steps'], STUDY)).toEqual([]);
    // Declared otherwise, but not in "varies": it is named as a parameter.
    const besides = difference({ steps: repeat(200, 3) }, ['prune.scope']);
    expect(besides.alsoDiffers).toEqual(['train.steps']);
    expect(advantages(besides, ['prune.scope'], STUDY)).toEqual(['training steps']);
  });

  it('the training that a return to other weights leaves behind', () => {
    const fresh = difference({ params: { rewind: { to: 'fresh' } } }, ['rewind.to']);
    expect(besidesText(fresh)).toBe('3,500 training steps of pretraining in arm; steps of the last weights 180 → 60');
    expect(advantages(fresh, ['rewind.to'], STUDY)).toEqual(['pretraining', 'training steps']);
    const init = difference({ params: { rewind: { to: 'init' } } }, ['rewind.to']);
    expect(besidesText(init)).toBe('steps of the last weights 180 → 60');
  });

  it('how sparse the arms ended, how often they were pruned, and on what they were evaluated', () => {
    const sparser = difference({ fractions: [0.3, 0] }, ['prune.fraction']);
    expect(sparser.consequences.map(({ what }) => what)).toEqual(['final sparsity', 'prunes']);
    expect(advantages(sparser, ['prune.fraction'], STUDY)).toEqual([]);
    // How much a stage of the study's own prunes, its parameters say.
    const prune = { ...STUDY.steps['prune']!, stage: 'wanda' };
    const own = { ...STUDY, steps: { ...STUDY.steps, prune } };
    expect(advantages(sparser, ['wanda.share'], own)).toEqual([]);
    expect(advantages(sparser, ['train.mask'], own)).toEqual(['sparsity']);
    expect(difference({ fractions: [0.3, 0], params: { eval: { sequences: 8 } } }, ['prune.fraction'])).toMatchObject({
      alsoDiffers: ['eval.sequences'],
    });
  });

  it('nothing where nothing measured or declared differs', () => {
    expect(besidesText(difference({ params: { prune: { criterion: 'random' } } }, ['prune.criterion']))).toBe('');
  });
});

it('knows for how long the built-in models were pretrained, and of others nothing', async () => {
  expect(await pretrainingSteps('marker-retrieval')).toBe(3500);
  expect(await pretrainingSteps('no-such-model')).toBeUndefined();
});
