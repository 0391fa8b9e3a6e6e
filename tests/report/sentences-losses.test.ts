/** Sentences about perplexities, about differences between arms and their tests, and about what pruning costs. */
import { describe, expect, it } from 'vitest';
import { differences } from '../../src/report/figures/forest-plot.ts';
import { perplexity } from '../../src/report/figures/perplexity.ts';
import { retrainingText } from '../../src/report/control-text.ts';
import { provenance } from '../../src/report/page/provenance.ts';
import { plainSummary } from '../../src/report/page/summary-text.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import { laddersOf } from '../../src/report/topics/budget.ts';
import { briefDifference } from '../../src/report/topics/parts.ts';
import { retrainingOfControls, sweetSpotText } from '../../src/report/topics/quality.ts';
import { differenceSentence } from '../../src/report/verdict-text.ts';
import { perplexityText } from '../../src/report/wording.ts';
import { familySizes } from '../../src/science/family-sizes.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { type FixtureArm } from './study-fixture.ts';
import { plain, UNPRUNED, A, resultsOf } from './sentences-study.ts';

describe('a perplexity', () => {
  it('is held against that of the language on the same tokens, not against the entropy of all text', () => {
    const results = resultsOf([A, UNPRUNED]);
    expect(results.surprisal).not.toBe(results.floor);
    const own = perplexityText(Math.exp(results.surprisal!));
    expect(plainSummary(results).join(' ')).toContain(`and ${own} for the language itself on the same tokens.`);
    expect(JSON.stringify(perplexity.draw(results).plots[0]!.spec)).toContain(
      `the language itself on these tokens ${own}`,
    );
    const unknown = { ...results, surprisal: null };
    expect(plainSummary(unknown).join(' ')).toContain('for the language itself over all text.');
    expect(JSON.stringify(perplexity.draw(unknown).plots[0]!.spec)).toContain('entropy floor ');
  });
});

describe('a difference between arms that differ in more than was varied', () => {
  const results = resultsOf(
    [A, { ...A, id: 'B', ...plain(200) }, { ...A, id: 'C', ...plain(600), fractions: [0.6, 0.6] }],
    (study) => {
      study.comparisons = [
        {
          name: 'steps',
          question: 'How long?',
          topic: 'budget',
          arms: ['A', 'B', 'C'],
          varies: ['train.steps'],
          family: 'steps',
          metrics: ['loss'],
          accept: {},
        },
      ];
    },
  );

  it('is said with what else differs', () => {
    const [steps, both] = results.comparisons[0]!.differences;
    expect(differenceSentence(steps!, 0.05)).toContain('(n = 3 pairs); ');
    expect(differenceSentence(both!, 0.05)).toContain('(n = 3 pairs, besides prune.fraction); ');
    expect(briefDifference([{ ...results.comparisons[0]!, differences: [both!] }])).toContain(
      ', differs in more than was varied)',
    );
    const forest = differences({
      plot: 'd',
      title: () => 'Differences',
      comparisons: ({ comparisons }) => comparisons,
    }).draw(results);
    expect(forest.caption).toMatch(/†: .* \(C − A: besides train\.steps: prune\.fraction; /);
    expect(forest.caption).not.toContain('B − A');
  });

  it('is not drawn among arms whose training alone differs', () => {
    expect(laddersOf(results).map(({ arms }) => arms.map(({ id }) => id))).toEqual([['A', 'B']]);
  });
});

describe('a family of tests', () => {
  it('has one m, with and without data: that of docs/statistics.md', () => {
    const twin: FixtureArm = { ...A, id: 'A-kept', twinOf: 'A' };
    const results = resultsOf([A, twin], (study) => {
      study.comparisons = [
        {
          name: 'protection',
          question: 'Does it help?',
          topic: 'survival',
          arms: ['A', 'A-kept', 'not-run-here'],
          varies: ['prune.protect'],
          family: 'survival',
          metrics: ['loss'],
          accept: {},
        },
      ];
    });
    expect(familySizes(results.study)).toEqual(new Map([['survival', 1]]));
    const made = provenance(results, QUESTIONS[0]!, { digest: '', origin: undefined, failed: [] });
    expect(made.source).toContain('survival: Holm over m = 1 (protection).');
    const messages = lintStudy(results.study).map(({ message }) => message);
    expect(messages.join(' ')).not.toContain('family "survival" of 2 tests');
    const figure = differences({ plot: 'differences', title: () => '', comparisons: (all) => all.comparisons });
    expect(figure.finding(results)).toContain('A-kept ends exactly where A does in all 3 pairs');
  });
});

describe('what pruning costs', () => {
  it('is said with what retraining did to the control itself', () => {
    const results = resultsOf([A, UNPRUNED]);
    const drift = retrainingText(results, 'unpruned');
    expect(drift).toMatch(
      /^Retraining alone moved unpruned by [+\u2212][\d.]+ \[.+\] nats from its starting model to its end \(n = 3 distinct runs\)\.$/,
    );
    expect(retrainingOfControls(results)).toBe(` ${drift}`);
    expect(plainSummary(results).join(' ')).toContain(drift);
  });

  it('is never said to be nothing', () => {
    const text = sweetSpotText(resultsOf([{ ...A, fractions: [0.02, 0.02] }, UNPRUNED]));
    expect(text).toMatch(/1 of 1 arm has such a sweet spot\. A cost below that is not shown to be none\./);
  });
});
