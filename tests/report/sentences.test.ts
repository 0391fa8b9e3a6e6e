/**
 * What the sentences say is so of exactly what they name: every number over the runs or arms of the sentence, each
 * computation once, and with the rule that it depends on. The studies are made so that ranges over runs and over means
 * of arms, declared and distinct runs, and arms with and without a super weight all differ.
 */
import { describe, expect, it } from 'vitest';
import { qualityRows } from '../../src/plots/plot-data.ts';
import { differences } from '../../src/report/figures/forest-plot.ts';
import { perplexity } from '../../src/report/figures/perplexity.ts';
import { rankMarginEffect } from '../../src/report/figures/rank-margin-effect.ts';
import { retrainingText } from '../../src/report/control-text.ts';
import { ruleText, shortRuleText } from '../../src/report/causal-rule.ts';
import { definitions } from '../../src/report/page/definitions.ts';
import type { Html } from '../../src/report/page/html.ts';
import { jointSetsTable, jointSurvivalTable } from '../../src/report/page/joint-sets-table.ts';
import { provenance } from '../../src/report/page/provenance.ts';
import { startsText } from '../../src/report/starting-models.ts';
import { cautions, plainSummary } from '../../src/report/page/summary-text.ts';
import { superWeightsTable } from '../../src/report/page/super-weights-table.ts';
import { experimentsTable, runsTable } from '../../src/report/page/tables.ts';
import { prunedArms } from '../../src/report/pruned-arms.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import { studySummary } from '../../src/report/summary.ts';
import { laddersOf } from '../../src/report/topics/budget.ts';
import { schemesText } from '../../src/report/topics/initialisation.ts';
import { briefDifference } from '../../src/report/topics/parts.ts';
import { retrainingOfControls, sweetSpotText } from '../../src/report/topics/quality.ts';
import { survivalText } from '../../src/report/topics/survival.ts';
import { differenceSentence } from '../../src/report/verdict-text.ts';
import { perplexityText } from '../../src/report/wording.ts';
import { familySizes } from '../../src/science/family-sizes.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../../src/generated/aggregate.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from './study-fixture.ts';

const plain = (steps: number) => ({ steps: repeat(steps, 3), fractions: repeat(0.2, 2) });
const UNPRUNED: FixtureArm = {
  id: 'unpruned',
  description: 'Not pruned.',
  role: 'positive-control',
  steps: repeat(60, 3),
  fractions: [0, 0],
};
const A: FixtureArm = { id: 'A', description: 'Pruned.', ...plain(60) };

function resultsOf(
  arms: FixtureArm[],
  change: (study: StudyDeclaration, pieces: StudyPieces) => void = () => undefined,
): StudyResults {
  const study = { ...fixtureStudy(arms), comparisons: [] as StudyDeclaration['comparisons'] };
  const pieces = fixturePieces(arms);
  change(study, pieces);
  return studyResults(study, pieces) as unknown as StudyResults;
}

/** Every seed of an experiment leaves what its first one does. */
function withCopies(experiment: string): (study: StudyDeclaration, pieces: StudyPieces) => void {
  return (_study, pieces) => {
    const copied = <Content>(all: Piece<Content>[]) => {
      for (const piece of all) {
        const { label } = piece;
        const first = all.find(
          (each) =>
            each.label.experiment === experiment &&
            each.label.seed === 0 &&
            each.label.round === label.round &&
            each.label.step === label.step,
        );
        if (label.experiment === experiment && first?.content !== undefined) piece.content = first.content;
      }
    };
    copied(pieces.curves);
    copied(pieces.prunings);
    copied(pieces.evaluations);
    copied(pieces.superWeights);
  };
}

const brief = (results: StudyResults, id: string) => QUESTIONS.find((page) => page.id === id)!.brief(results);
const answer = (results: StudyResults, id: string) => QUESTIONS.find((page) => page.id === id)!.answer(results);

describe('a range', () => {
  it('is over the runs that the sentence names, not over means of arms', () => {
    const shares = [0.0013, 0.2, 0.647];
    const results = resultsOf([A], (_study, { superWeights }) => {
      for (const { label, content } of superWeights)
        for (const weight of content!.survival)
          if (label.step === 'detect-trained' && label.round === 3) weight.baseRate.tensorKept = shares[label.seed]!;
    });
    expect(survivalText(results, prunedArms(results))).toBe(
      'Pruned by magnitude to 36.0 % sparsity (1 arm, 3 distinct runs that hold one and are finished), the super weight was kept in 3 of 3 runs, where 0.1 % to 65 % of all weights of its tensor were; zeroing it still hurt in 3, and it was found again at its place in 3 (spike ratio 4).',
    );
  });

  it('leaves out arms of which nothing is known', () => {
    const none: FixtureArm = { id: 'none', description: 'Sparser, and nothing to follow.', ...plain(60), holds: [] };
    const sparser = { ...none, scheme: 'xavier', fractions: [0.5, 0.5] };
    const results = resultsOf([A, sparser]);
    expect(plainSummary(results).join(' ')).toContain(
      'Pruned by magnitude to 36.0 % sparsity (1 pretrained arm, 3 distinct runs that hold one and are finished)',
    );
    expect(brief(results, 'survival')).toBe(
      'kept 3/3, still matters 3/3, found again 3/3 (1 arm, to 36.0 %) (spike ratio 4)',
    );
  });

  it('of other weights leaves out the one that is spoken of, and no other', () => {
    const results = resultsOf([A], (_study, { superWeights }) => {
      for (const { content } of superWeights) {
        const second = content!.ablation[1];
        if (second !== undefined) second.effect = 0.9;
      }
    });
    expect(plainSummary(results)[0]).toContain('any other of the largest by 2.46 at most.');
  });
});

describe('a count', () => {
  const SIX = { ...A, seeds: [0, 1, 2, 3, 4, 5] };

  it('is of distinct computations: six seeds that change nothing are one run', () => {
    const results = resultsOf([SIX, UNPRUNED], withCopies('A'));
    const { lines, highlights } = studySummary(results);
    expect(lines[0]).toBe('super-weights-under-pruning: 9 runs (4 distinct computations), 9 complete');
    expect(lines.find((line) => line.startsWith('A '))).toMatch(/ \(n 1\) {2,}1\/1 +1\/1 +1\/1$/);
    expect(highlights).toMatchObject({
      runs: { total: 9, distinct: 4 },
      experiments: { A: { runs: { declared: 6, copies: 5 } } },
    });
    expect(survivalText(results, prunedArms(results))).toContain(
      '(1 arm, 1 distinct run that holds one and is finished)',
    );
    expect(schemesText(results)).toMatch(/pretrained, in 1 of 1 model \(at the end of 1 distinct run from there/);
    expect(rankMarginEffect.finding(results)).toContain(
      'In the 1 distinct run of arms pruned by magnitude that still keeps it',
    );
    expect(cautions(results).join(' ')).toContain('With at most 3 distinct runs per experiment, even 3 of 3');
    expect(experimentsTable(results).source).toContain('6/6<small>1 distinct</small>');
    expect(runsTable(results).source).toContain('the same as A/s0');
    expect(qualityRows(results)[0]).toMatchObject({ declared: 1, points: [{ seed: 0 }] });
  });

  it('is of models where several arms start from one, and apart where they trained for different times', () => {
    const from = (id: string, scheme: string, steps: number[], holds: number[]): FixtureArm => ({
      id,
      description: id,
      scheme,
      steps,
      fractions: [0.2, 0.2],
      holds,
    });
    const results = resultsOf([
      A,
      { ...A, id: 'B', fractions: [0.3, 0.3] },
      from('short', 'xavier', [100, 100, 100], []),
      from('long', 'xavier', [3500, 100, 100], [0, 2]),
    ]);
    expect(brief(results, 'initialisation')).toBe(
      'a super weight was there in pretrained 3/3, xavier after 100 steps 0/3, xavier after 3,500 steps 2/3 (spike ratio 4)',
    );
    expect(schemesText(results)).toMatch(
      /: pretrained, in 3 of 3 models \(at the end of 6 distinct runs from there it still mattered in 6\), xavier after 100 steps, in 0 of 3 models of short and xavier after 3,500 steps, in 2 of 3 models of long \(/,
    );
    expect(plainSummary(results).join(' ')).toContain(
      'in 0 of 3 models of short (xavier after 100 steps) and 2 of 3 models of long (xavier after 3,500 steps)',
    );
    expect(cautions(results).join(' ')).toContain(
      'The 2 pretrained arms that a criterion prunes start from 3 checkpoints in all',
    );
  });

  it('is of models judged by one rule: those that two rules judge are not twice as many', () => {
    const strict = (id: string, spikeRatio: number): FixtureArm => ({
      ...A,
      id,
      scheme: 'xavier',
      holds: [],
      params: { 'detect-sw': { spikeRatio } },
    });
    const results = resultsOf([strict('four', 4), strict('eight', 8)]);
    expect(brief(results, 'initialisation')).toMatch(
      /xavier after 60 steps, spike ratio 4 0\/3, xavier after 60 steps, spike ratio 8 0\/3/,
    );
    expect(schemesText(results)).toMatch(/in 0 of 3 models of four and .*, in 0 of 3 models of eight/);
  });

  it('of runs in figures and tables leaves out copies, and says what seeds share', () => {
    const results = resultsOf([SIX, UNPRUNED], withCopies('A'));
    const figure = rankMarginEffect.draw(results);
    expect(figure.caption).toContain('(1 distinct run that holds one)');
    expect(new Set(figure.plots[0]!.rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size).toBe(1);
    expect(superWeightsTable(results).toString()).toMatch(/seeds 0, 1, 2, 3, 4 and 5/);
    const unit = provenance(results, QUESTIONS[0]!, { digest: '', origin: undefined, failed: [] }).source;
    expect(unit).toContain('The seeds of A share their start (1 checkpoint for 6 seeds)');
    expect(unit).not.toMatch(/For pretrained arms the seed also chooses/);
  });

  it('of prunes is of runs that went to their end', () => {
    const results = resultsOf([A, { ...A, id: 'B', fractions: [0.3, 0.3] }], (study, { prunings }) => {
      study.comparisons = [
        {
          name: 'share',
          question: 'Which share?',
          topic: 'quality',
          arms: ['A', 'B'],
          varies: ['prune.fraction'],
          family: 'share',
          metrics: ['loss'],
          accept: {},
        },
      ];
      for (const piece of prunings)
        if (piece.label.experiment === 'B' && piece.label.seed > 0) piece.content = undefined;
    });
    expect(results.comparisons[0]!.differences[0]!.consequences.map(({ what }) => what)).toEqual(['final sparsity']);
  });

  it('names an arm that never acted together with its twin, once', () => {
    const twin: FixtureArm = { ...A, id: 'A-kept', twinOf: 'A', params: { eval: {} } };
    const results = resultsOf([A, twin, UNPRUNED]);
    const { lines } = studySummary(results);
    expect(lines[0]).toContain('9 runs (6 distinct computations)');
    expect(lines.filter((line) => line.startsWith('A'))).toHaveLength(2); // with the rule, "A weight counts ..."
    expect(lines.find((line) => line.startsWith('A = A-kept'))).toMatch(/\(n 3\)/);
    expect(survivalText(results, prunedArms(results))).toContain('(1 arm, 3 distinct runs');
    expect(sweetSpotText(results)).toMatch(
      /, in A = A-kept \(n = 3 at most\); 1 of 1 arm has|In A = A-kept there is no sparsity/,
    );
    expect(experimentsTable(results).source.match(/A = A-kept/g)).toHaveLength(1);
    expect(brief(results, 'variance')).toMatch(/^SD /);
  });

  it('counts a weight that multiplies nothing as disconnected, not as kept', () => {
    const results = resultsOf([A], (_study, { superWeights }) => {
      for (const { label, content } of superWeights)
        for (const weight of content!.survival)
          if (label.seed === 1 && label.round === 3)
            Object.assign(weight, { kept: false, disconnected: true, functional: false, redetection: 'none' });
    });
    expect(survivalText(results, prunedArms(results))).toContain(
      'was kept in 2 of 3 runs, where 64 % of all weights of its tensor were, disconnected in 1 (there, but it multiplies nothing)',
    );
    expect(studySummary(results).lines.find((line) => line.startsWith('A '))).toContain('2/3 (1 disconnected)');
    expect(brief(results, 'survival')).toMatch(/^kept 2\/3 \(1 disconnected\), still matters 2\/3/);
  });
});

it('of a single seed nothing is said of whether seeds are models of their own', () => {
  const text = startsText(resultsOf([{ ...A, seeds: [3] }]), ['A']);
  expect(text).toBe('');
  expect(startsText(resultsOf([A]), ['A'])).toContain('the seed also chooses the checkpoint');
});

describe('joint sets', () => {
  const coordinate = (col: number) => ({
    tensor: 'model.layers.1.mlp.down_proj.weight',
    layer: 1,
    row: 7,
    col,
    value: 3,
  });
  const members = [coordinate(3), coordinate(5)];
  const set = {
    ...{ members, effect: 9.97, effectStandardError: 0.5, sumOfEffects: 1.53, worstControl: 0.003, confirmed: true },
    verdict: 'Confirmed as joint.',
  };
  const results = resultsOf([A], (_study, { superWeights }) => {
    for (const { label, content } of superWeights)
      if (label.round === 0) content!.joint = [{ ...set, excess: 8.4, excessStandardError: 0.5, controls: [] }];
      else
        content!.jointSurvival = [
          {
            ...{ members, kept: label.seed === 0 ? 1 : 2, disconnected: 0, effect: 5 + label.seed },
            ...{ effectStandardError: 0.1, functional: label.seed < 2, redetected: label.round < 3 ? null : true },
          },
        ];
  });

  it('of the reference stand in the results, with what became of them', () => {
    expect(results.runs[0]!.reference.jointSets).toEqual([set]);
    expect(results.runs[0]!.measurements[0]).not.toHaveProperty('jointSurvival');
    expect(results.runs[0]!.measurements.at(-1)!.jointSurvival).toMatchObject([
      { kept: 1, effect: 5, redetected: true },
    ]);
    expect(resultsOf([A]).runs[0]!.reference).not.toHaveProperty('jointSets');
  });

  it('are told on the page about survival, with tables, also where no weight counts alone', () => {
    const alone = resultsOf([A], (_study, { superWeights }) => {
      for (const { label, content } of superWeights) {
        Object.assign(content!, { candidates: [], confirmed: [], survival: [], joint: [] });
        if (label.round === 0) content!.joint = [{ ...set, excess: 8.4, excessStandardError: 0.5, controls: [] }];
        content!.jointSurvival = [
          {
            ...{ members, kept: 2, disconnected: 0, effect: 5, effectStandardError: 0.1 },
            ...{ functional: label.seed < 2, redetected: true },
          },
        ];
      }
    });
    expect(answer(alone, 'survival')).toMatch(/was there a super weight to follow/);
    expect(answer(alone, 'survival')).toContain(
      'Weights that make up for one another (joint sets) were followed in 3 distinct runs: zeroing what is left of one still hurt in 2 at the end.',
    );
    expect(plainSummary(alone).join(' ')).toContain('so that each alone costs little, 3 joint sets were confirmed.');
    expect(brief(alone, 'survival')).toBe('no super weight to follow; joint sets still matter 2/3');
    const { figures } = QUESTIONS.find(({ id }) => id === 'survival')!;
    const drawn = figures.filter(({ entry }) => entry.draw(alone).plots.length > 0);
    const tables = drawn.flatMap(({ entry }) => entry.tables?.(alone) ?? []).map(String);
    expect(tables.join()).toContain('What became of the joint sets');
    expect(answer(resultsOf([A]), 'survival')).not.toContain('joint');
  });

  it('have tables, by arm and round', () => {
    const of = jointSetsTable(results) as Html;
    expect(of.source).toContain('[7, 3] and [7, 5]');
    expect(of.source).toMatch(/9\.970 ± 0\.500.*1\.530/s);
    const { source } = jointSurvivalTable(results) as Html;
    expect(source).toMatch(/1 to 2\s+of 2.*5\.000 to 7\.000.*2\/3.*not sought/s);
    expect(source).toContain('>3/3<');
    expect(jointSetsTable(resultsOf([A])) + String(jointSurvivalTable(resultsOf([A])))).toBe('');
  });
});

describe('a detection that sought nothing', () => {
  const unsought = (isSought: (label: { seed: number }) => boolean) =>
    resultsOf([A], (_study, { superWeights }) => {
      for (const { label, content } of superWeights)
        if (label.round > 0 && !isSought(label)) {
          Object.assign(content!, { search: 'none', candidates: [], confirmed: [] });
          for (const weight of content!.survival) weight.redetection = 'not-sought';
        }
    });

  it('counts in no rate of what was found again, and never reads as one that found none', () => {
    const results = unsought(() => false);
    const end = results.experiments[0]!.points.at(-1)!.survival;
    expect(end).toMatchObject({ n: 3, kept: { k: 3, n: 3 }, redetectedSame: { n: 0 }, redetectedMoved: { n: 0 } });
    expect(survivalText(results, prunedArms(results))).toContain('and super weights were not sought again');
    expect(brief(results, 'survival')).toContain('not sought again');
    expect(plainSummary(results).join(' ')).toContain('and super weights were not sought again.');
    expect(studySummary(results).lines.find((line) => line.startsWith('A '))).toMatch(/3\/3 +3\/3 +not sought$/);
    expect(runsTable(results).source.match(/not sought/g)).toHaveLength(3);
    expect(experimentsTable(results).source).toContain('not sought');
    const { caption, plots } = rankMarginEffect.draw(results);
    expect(caption).toContain('elsewhere, or nowhere, or sought none.');
    expect(JSON.stringify(plots)).toContain('zeroing it hurts, none sought');
    expect(JSON.stringify(plots)).not.toContain('none found');
    const last = results.runs[0]!.measurements.at(-1)!;
    expect(last).toMatchObject({ detection: { candidates: null, confirmed: null }, newlyConfirmed: null });
  });

  it('leaves the others their own n', () => {
    const results = unsought(({ seed }) => seed > 0);
    expect(results.experiments[0]!.points.at(-1)!.survival).toMatchObject({ n: 3, redetectedSame: { k: 2, n: 2 } });
    expect(survivalText(results, prunedArms(results))).toContain(
      'and it was found again at its place in 2 of the 2 in which super weights were sought',
    );
    expect(brief(results, 'survival')).toContain('found again 2/2');
  });
});

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

describe('the rule by which super weights are counted', () => {
  const withRatios = (ratios: Record<string, number>) =>
    resultsOf([A, { ...A, id: 'B', fractions: [0.3, 0.3] }], (study) => {
      study.experiments = study.experiments.map((experiment): ExperimentDeclaration => {
        const detect = experiment.params['detect-sw'] as Record<string, unknown>;
        return {
          ...experiment,
          params: { ...experiment.params, 'detect-sw': { ...detect, spikeRatio: ratios[experiment.id] } },
        };
      });
    });

  it('comes with how candidates were sought', () => {
    const textWith = (params: Record<string, unknown>) =>
      definitions(resultsOf([{ ...A, params: { 'detect-sw': params } }])).content.source.split('<dt>Reference set')[0]!;
    const plain = textWith({});
    expect(plain).toContain('at least 4 times the maximum over ordinary tokens in the same tensor. After');
    expect(plain).not.toMatch(/\|input × weight\||zeroed together/);
    const text = textWith({ ordinaryQuantile: 0.99, contributions: 3, jointSize: 4 });
    expect(text).toContain('at least 4 times what ordinary tokens reach (quantile 0.99 of their maxima) in the same');
    expect(text).toContain('the 3 weights with the largest |input × weight|');
    expect(text).toContain('zeroed together as well, up to 4');
  });

  it('has in its table what single steps have of their own', () => {
    const results = resultsOf([A, { ...A, id: 'B' }], (study) => {
      study.experiments = study.experiments.map((experiment): ExperimentDeclaration => {
        const detect = { ...(experiment.params['detect-sw'] as object), ablateLargest: 5, rescans: 1 };
        return {
          ...experiment,
          params: { ...experiment.params, 'detect-sw': detect },
          steps: {
            'detect-start': { params: { ablateLargest: 30, rescans: 1 }, byRound: [] },
            ...(experiment.id === 'B' && { 'detect-trained': { params: { ablateLargest: 0 }, byRound: [] } }),
          },
        };
      });
    });
    const cell = (name: string) =>
      new RegExp(`detect-sw\\.${name}</t[hd]>(.*?)</td>`, 's').exec(definitions(results).content.source)![1]!;
    const words = (source: string) =>
      source
        .replace(/<[^>]+>/g, ' ')
        .trim()
        .split(/\s+/)
        .join(' ');
    expect(words(cell('ablateLargest'))).toBe('5 30 in detect-start 0 in detect-trained (B)');
    expect(words(cell('rescans'))).toBe('1');
  });

  it('is said with the counts, as the study has it', () => {
    const results = withRatios({ A: 1, B: 1 });
    const alone = '(spike ratio 1: the causal test alone decides)';
    const whole = `A weight counts as a super weight where zeroing it costs at least 0.1 nats and 5 times its worst control ${alone}.`;
    expect(ruleText(results.study)).toBe(whole);
    expect(studySummary(results).lines).toContain(whole);
    expect(experimentsTable(results).source).toContain(whole.replaceAll(' %', ' %'));
    for (const id of ['survival', 'initialisation']) expect(brief(results, id)).toContain(alone);
    for (const { figures } of QUESTIONS.filter((page) => ['survival', 'initialisation'].includes(page.id)))
      for (const { entry } of figures) {
        const { caption, plots } = entry.draw(results);
        if (plots.length > 0 && /none emerged|held|holds|super weight survives/.test(caption))
          expect(caption, entry.shows).toContain(alone);
      }
  });

  it('is said arm by arm where arms differ in it', () => {
    const { study } = withRatios({ A: 1, B: 4 });
    expect(shortRuleText(study)).toBe('spike ratio 1: the causal test alone decides in A; spike ratio 4 in B');
    expect(shortRuleText(study, ['B'])).toBe('spike ratio 4');
    expect(ruleText(study, ['B'])).toContain('and both its spikes are at least 4 times the ordinary maximum.');
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
