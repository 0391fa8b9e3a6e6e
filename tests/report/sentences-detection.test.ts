/** Sentences about joint sets, about detections that sought nothing, and about the rule that counts super weights. */
import { describe, expect, it } from 'vitest';
import { rankMarginEffect } from '../../src/report/figures/rank-margin-effect.ts';
import { ruleText, shortRuleText } from '../../src/report/causal-rule.ts';
import { definitions } from '../../src/report/page/definitions.ts';
import type { Html } from '../../src/report/page/html.ts';
import { jointSetsTable, jointSurvivalTable } from '../../src/report/page/joint-sets-table.ts';
import { plainSummary } from '../../src/report/page/summary-text.ts';
import { experimentsTable, runsTable } from '../../src/report/page/tables.ts';
import { prunedArms } from '../../src/report/pruned-arms.ts';
import { QUESTIONS } from '../../src/report/registry.ts';
import { studySummary } from '../../src/report/summary.ts';
import { survivalText } from '../../src/report/topics/survival.ts';
import type { ExperimentDeclaration } from '../../src/generated/aggregate.ts';
import { A, resultsOf, brief, answer } from './sentences-study.ts';

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
    expect(of.source).toContain('layer 1 down_proj [7, 3] and [7, 5]');
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
    expect(JSON.stringify(plots)).toContain('it passes the causal test, none sought');
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
