/** swp lint, on the real command line. */
import { describe, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

/** A comparison that says that it compares budgets, and compares twice as much pruning as well. */
function confounded() {
  const study = tinyStudy();
  study.defaults.seeds = [0, 1, 2];
  study.experiments = {
    A1: { params: { train: { steps: 2 } } },
    B2: { params: { train: { steps: 4 }, prune: { fraction: 0.2 } } },
    unpruned: { extends: 'A1', role: 'positive-control', params: { prune: { fraction: 0 } } },
  };
  study.comparisons = [
    {
      name: 'budget',
      question: 'Does more training help?',
      topic: 'budget',
      arms: ['A1', 'B2'],
      varies: ['train.steps'],
      accept: { 'sample-size': 'Only a look.' },
    },
    {
      name: 'scope',
      question: 'Does the scope matter?',
      topic: 'schedule',
      arms: ['A1', 'B2'],
      varies: ['prune.scope', 'prune.fraction', 'train.steps'],
      accept: { 'unpaired-seeds': 'They differ.' },
    },
  ];
  study.profiles = { look: { experiments: ['*'], accept: { 'missing-control': 'For a look.' } } };
  return study;
}

describe('swp lint', () => {
  test('says of a confounded comparison what else differs, with both values, and fails', async () => {
    const project = await SwpProject.create(confounded());
    const { stdout, exitCode } = await project.swp('lint', '--profile', 'look');
    expect(stdout).toBe(`Profile look: 2 comparisons of 3 experiments.

budget: A1, B2 by train.steps
  × one-variable: A1 and B2 differ in more than train.steps: prune.fraction is 0.1 in A1, 0.2 in B2.
  = sample-size, accepted: Only a look.
    3 pairs can give no less than p = 0.25, above 0.05: nothing can be significant. Needed: 6 pairs alone.
  · consequence: It follows that these differ as well: final sparsity 10.0 % (A1), 20.0 % (B2); training steps 4 (A1), 8 (B2); sequences seen 8 (A1), 16 (B2).

scope: A1, B2 by prune.scope, prune.fraction, train.steps
  × never-acts: prune.scope is named, but is "global" in all arms.
  ! sample-size: 3 pairs can give no less than p = 0.25, above 0.05: nothing can be significant. Needed: 6 pairs alone.
  · consequence: It follows that these differ as well: final sparsity 10.0 % (A1), 20.0 % (B2); training steps 4 (A1), 8 (B2); sequences seen 8 (A1), 16 (B2).
  ! useless-accept: "unpaired-seeds" is accepted here, but nothing is found by it.

  = missing-control (2 findings), accepted for the profile: For a look.
2 errors, 2 warnings, 2 notes; 3 accepted.
one-variable: Compare arms that differ in nothing else, or name what differs in "varies".
never-acts: Give the variable a value that acts in one arm, or take it out of "varies"; arms that are the same cannot be compared.
sample-size: Take more seeds, or declare fewer comparisons in the family.
useless-accept: Take the accepted rule out: there is nothing to override.`);
    expect(exitCode).toBe(1);
  });

  test('as JSON; what is accepted is no failure', async () => {
    const study = confounded();
    study.comparisons = [
      { ...(study.comparisons as object[])[0], accept: { 'one-variable': 'Both are the treatment.' } },
    ];
    const project = await SwpProject.create(study);
    const result = await project.swp('lint', '--json');
    expect(result.exitCode).toBe(0);
    const [{ profile, comparisons, findings }] = result.json<{
      profile: string;
      comparisons: string[];
      findings: { rule: string }[];
    }>() as [{ profile: string; comparisons: string[]; findings: { rule: string }[] }];
    expect([profile, comparisons]).toEqual(['all', ['budget']]);
    expect(findings[0]).toEqual({
      rule: 'one-variable',
      severity: 'error',
      comparison: 'budget',
      arms: ['A1', 'B2'],
      message: 'A1 and B2 differ in more than train.steps: prune.fraction is 0.1 in A1, 0.2 in B2.',
      accepted: 'Both are the treatment.',
    });
  });

  test('is hinted at by swp repro, in a line on standard error; the study runs all the same', async () => {
    const project = await SwpProject.create(confounded());
    const { stdout, stderr, exitCode } = await project.swp('repro', '--dry-run', '--profile', 'look');
    expect(stderr).toBe(
      'note: swp lint finds 2 errors in the declared comparisons of profile look; `swp lint --profile look` shows what.',
    );
    expect(stdout).toContain('Would run');
    expect(exitCode).toBe(0);
  });
});
