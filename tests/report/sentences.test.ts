/** Every number of a sentence is of exactly what it names: its runs or arms, and each computation once. */
import { describe, expect, it } from 'vitest';
import { qualityRows } from '../../src/plots/plot-data.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { baseRates } from '../../src/report/figures/base-rates.ts';
import { rankMarginEffect } from '../../src/report/figures/rank-margin-effect.ts';
import { provenance } from '../../src/report/page/provenance.ts';
import { startsText } from '../../src/report/starting-models.ts';
import { cautions, plainSummary } from '../../src/report/page/summary-text.ts';
import { superWeightsTable } from '../../src/report/page/super-weights-table.ts';
import { experimentsTable, runsTable } from '../../src/report/page/tables.ts';
import { prunedArms } from '../../src/report/pruned-arms.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import { studySummary } from '../../src/report/summary.ts';
import { schemesText } from '../../src/report/topics/initialisation.ts';
import { sweetSpotText } from '../../src/report/topics/quality.ts';
import { survivalText } from '../../src/report/topics/survival.ts';
import type { StudyPieces } from '../../src/science/results/study-pieces.ts';
import { type FixtureArm } from './study-fixture.ts';
import { A, brief, opening, plain, resultsOf, UNPRUNED, withCopies } from './sentences-study.ts';

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

  it('of sparsities that differ by a weight or two is one sparsity', () => {
    const results = resultsOf([A]);
    for (const run of results.runs)
      for (const look of run.measurements) if (look.sparsity! > 0.3) look.sparsity! += run.seed * 1e-5;
    expect(survivalText(results, prunedArms(results))).toMatch(/^Pruned by magnitude to 36\.0 % sparsity /);
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
    expect(schemesText(results)).toMatch(
      /pretrained, in 1 of 1 model \(it still mattered at the end of \d of 1 distinct run from there/,
    );
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
      /: pretrained, in 3 of 3 models \(it still mattered at the end of 6 of 6 distinct runs from there\), xavier after 100 steps, in 0 of 3 models of short and xavier after 3,500 steps, in 2 of 3 models of long \(/,
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
    expect(figure.caption).toContain('(4 distinct runs that hold one)'); // three are of the control
    const drawn = new Set(figure.plots[0]!.rows.map(({ experiment, seed }) => `${experiment} ${seed}`));
    expect([...drawn].filter((run) => run.startsWith('A '))).toEqual(['A 0']);
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

describe('what training does without pruning', () => {
  const losing =
    (seeds: number[], rounds: number[]) =>
    (_study: StudyDeclaration, { superWeights }: StudyPieces) => {
      for (const { label, content } of superWeights)
        if (seeds.includes(label.seed) && rounds.includes(label.round) && label.step !== 'detect-start')
          for (const weight of content!.survival) weight.functional = false;
    };

  it('is told apart from what pruning does, and the control says how often', () => {
    const early = resultsOf([A, UNPRUNED], losing([0], [1, 2, 3]));
    expect(opening(early, 'survival')).toContain(
      'zeroing it still hurt in 2, and it was found again at its place in 3 (spike ratio 4). In the one in which zeroing the super weight did not hurt at the end, training alone had done it, before anything was pruned. Where as much was trained and nothing pruned (unpruned), zeroing the super weight still hurt in 2 of 3 distinct runs.',
    );
    expect(baseRates.finding(early)).toContain('In the other runs it had stopped mattering after no retraining.');
  });

  it('is drawn beside the arms, last; what has no threshold has no margin', () => {
    const { caption, plots } = rankMarginEffect.draw(resultsOf([UNPRUNED, A]));
    expect(caption).toContain('Last, arms of which nothing is pruned (unpruned): what training alone does.');
    const drawn = plots.map(({ name, rows }) => [name, [...new Set(rows.map(({ experiment }) => experiment))]]);
    expect(drawn).toEqual([
      ['rank', ['A', 'unpruned']],
      ['margin', ['A']],
      ['effect', ['A', 'unpruned']],
    ]);
  });

  it('names the controls of which it is known', () => {
    const other = { ...A, id: 'longer', steps: [60, 60, 90] };
    const pending = { ...UNPRUNED, id: 'pending', steps: [60, 60, 90] };
    const results = resultsOf([A, other, UNPRUNED, pending], (_study, { superWeights }) => {
      for (const piece of superWeights) if (piece.label.experiment === 'pending') piece.content = undefined;
    });
    expect(opening(results, 'survival')).toContain(
      'nothing pruned (unpruned), zeroing the super weight still hurt in 3 of 3 distinct runs.',
    );
  });

  it('is not said of runs that lose it later, nor where there is no control', () => {
    const late = resultsOf([A], losing([0, 1], [3]));
    expect(opening(late, 'survival')).toContain('zeroing it still hurt in 1, and');
    expect(opening(late, 'survival')).not.toMatch(/training alone|nothing pruned|one look/);
    expect(baseRates.finding(late)).toContain('The lowest sparsity at which it had stopped mattering');
  });

  it('is no loss where the function comes back; that it comes and goes is said', () => {
    const [back, gone] = [losing([0], [1]), losing([1], [2])];
    const results = resultsOf([A], (study, pieces) => {
      back(study, pieces);
      gone(study, pieces);
    });
    expect(opening(results, 'survival')).toContain(
      'zeroing it still hurt in 3, and it was found again at its place in 3 (spike ratio 4). In 2 of 3 runs zeroing the super weight had ceased to hurt at one look (in 1 of them before anything was pruned) and hurt again at a later one: the end is one look among several.',
    );
    expect(baseRates.finding(results)).toMatch(/ The lowest sparsity .* is 20.0 % \(A, seed 1/);
  });

  it('is of seeds, which are the replicates, however many arms share them', () => {
    const longer = { ...A, id: 'longer', fractions: [0.1, 0.1] };
    const results = resultsOf([A, longer, UNPRUNED], (study, pieces) => {
      losing([0], [1])(study, pieces);
      for (const { label, content } of pieces.superWeights)
        for (const weight of content!.survival) {
          if (label.seed === 1 && label.round === 3) weight.functional = false;
          weight.effect = label.experiment === 'unpruned' || label.seed === 2 ? 2 : 1;
        }
    });
    // Both arms share their first training.
    for (const { measurements, seed } of results.runs)
      for (const look of measurements) if (look.round === 1 && look.phase === 'trained') look.computation = `${seed}`;
    const text = opening(results, 'survival');
    expect(text).toContain('zeroing it still hurt in 4 (the other 2 have seed 1), and');
    expect(text).toMatch(
      /In 2 of 6 runs, all with seed 0, zeroing .* \(in 2 of them before anything was pruned, in 1 distinct computation\)/,
    );
    expect(text).toContain(
      'Zeroing it cost less than in the unpruned run of the same seed after as many steps in 4 of 6 pairs.',
    );
  });

  it('is compared with the unpruned run after as many steps, not at its end', () => {
    const shorter = { ...A, id: 'shorter', steps: [60, 60], fractions: [0.2] };
    const results = resultsOf([A, shorter, UNPRUNED], (_study, { superWeights }) => {
      for (const { label, content } of superWeights)
        for (const weight of content!.survival)
          weight.effect = label.experiment !== 'unpruned' ? 1 : label.round === 3 ? 0.5 : 2;
    });
    expect(opening(results, 'survival')).toContain('after as many steps in 3 of 6 pairs.');
  });

  it('leaves those runs out of the lowest sparsity', () => {
    const both = resultsOf([A], (study, pieces) => {
      losing([0], [1, 2, 3])(study, pieces);
      losing([1], [3])(study, pieces);
    });
    expect(baseRates.finding(both)).toMatch(/In the other runs, the lowest sparsity .* is 36.0 % \(A, seed 1/);
  });
});

it('super weights that appear where none was followed are told, and whether they appear without pruning', () => {
  const scratch = { id: 'X', description: 'From scratch.', ...plain(60), scheme: 'xavier', holds: [] };
  const twin = { ...UNPRUNED, id: 'X-unpruned', scheme: 'xavier', holds: [] };
  const results = resultsOf([A, scratch, twin], (_study, { superWeights }) => {
    const found = superWeights.find(({ label }) => label.experiment === 'A')!.content!.confirmed;
    const late: [string, number, number][] = [
      ['X', 0, 2], // seed 0 has one after round 2 only, seed 1 from then to the end
      ['X', 1, 2],
      ['X', 1, 3],
      ['X-unpruned', 2, 3],
    ];
    for (const { label, content } of superWeights)
      for (const [experiment, seed, round] of late)
        if (label.experiment === experiment && label.seed === seed && label.round === round)
          if (label.step === 'detect-trained') content!.confirmed = found;
  });
  expect(opening(results, 'initialisation')).toContain(
    'Where none emerged, survival does not apply. In 2 of 3 runs in which none was there at first, one was confirmed at a later look (first after 120 training steps), in 1 of them still at the end. No count of survivals holds these. Where as much was trained and nothing pruned (X-unpruned), one was in 1 of 3 runs.',
  );
  expect(brief(results, 'initialisation')).toContain('xavier after 60 steps 0/3, later in 2/3 of the others');
  expect(studySummary(results).lines.find((line) => line.startsWith('X '))).toContain('none at first, later in 2/3');
  expect(studySummary(results).lines.find((line) => line.startsWith('A '))).toContain('3/3');
  const [effects] = QUESTIONS.find(({ id }) => id === 'initialisation')!.figures[0]!.entry.draw(results).plots;
  for (const shown of [JSON.stringify(effects!.spec), experimentsTable(results).toString()])
    expect(shown).toContain('none at first, later in 2/3');
});

it('of a single seed nothing is said of whether seeds are models of their own', () => {
  const text = startsText(resultsOf([{ ...A, seeds: [3] }]), ['A']);
  expect(text).toBe('');
  expect(startsText(resultsOf([A]), ['A'])).toContain('the seed also chooses the checkpoint');
});
