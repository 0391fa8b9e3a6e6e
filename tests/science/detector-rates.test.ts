/**
 * The detector's own error rates: how they are counted, and that the committed models have those that the docs state.
 */
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import detectorRatesSchema from '../../schemas/artifacts/detector-rates.schema.json' with { type: 'json' };
import plantedSpikesSchema from '../../schemas/artifacts/planted-spikes.schema.json' with { type: 'json' };
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import type { Evaluation } from '../../src/generated/evaluation.ts';
import type { PlantedSpikes, RandomModelTrial } from '../../src/generated/planted-spikes.ts';
import type { AblatedWeight, Candidate, SuperWeightReport } from '../../src/generated/super-weights.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { detectorRates, standingApart } from '../../src/science/detector-rates.ts';
import { rateText, ratesTables } from '../../src/science/detector-rates-tables.ts';
import { proportion } from '../../src/science/statistics/proportion.ts';
import detect from '../../stages/detect-sw.ts';
import plant from '../../stages/plant-spikes.ts';
import { runStage } from '../support/stage-job.ts';

const isRates = new Ajv().compile(detectorRatesSchema);
const isPlanted = new Ajv().compile(plantedSpikesSchema);
const THRESHOLDS = { spikeRatio: 4, minimumEffect: 0.1, controlFactor: 5, maximumTwins: 2 };
const MODELS = ['marker-retrieval', 'marker-retrieval-no-bos', 'marker-retrieval-gelu'];
const TENSOR = 'model.layers.0.mlp.down_proj.weight';
const place = (col: number) => ({ tensor: TENSOR, layer: 0, row: 0, col, value: 1 });
const ablated = (...effects: number[]): AblatedWeight[] =>
  effects.map((effect, col) => ({ coordinate: place(col), rank: col + 1, effect, effectStandardError: null }));

describe('brute force', () => {
  it.each([
    [[2, 0.01, 0], 1],
    [[0.01, 0, 2], 1],
    [[2, 1.5, 0.01], 2],
    [[2, 1.5, 1, 0.1], 3],
    [[2, 1.5, 1, 0.9, 0.1], 0], // four are no outliers any more
    [[0.09, 0.001], 0], // too little
    [[2, 1, 0.5, 0.3], 0], // no gap
    [[2, 0.05, 0.04], 1],
    [[2, 1.9, 0.09, 0.08], 2],
  ])('sees in effects of %j that %i stand apart', (effects, apart) => {
    expect(standingApart(ablated(...effects), THRESHOLDS)).toBe(apart);
  });
});

describe('the rates', () => {
  const candidate = (col: number, effect: number, confirmed: boolean): Candidate => ({
    coordinate: place(col),
    scan: 0,
    rank: 1,
    inputSpike: 9,
    outputSpike: 9,
    inputRatio: 9,
    outputRatio: 9,
    effect,
    effectStandardError: null,
    controls: [],
    worstControl: 0,
    confirmed,
    verdict: '',
  });
  const report = (ablation: AblatedWeight[], candidates: Candidate[]): SuperWeightReport => ({
    baselineLoss: 2,
    causalTokens: 1,
    prunableWeights: 9,
    candidates,
    confirmed: candidates.filter(({ confirmed }) => confirmed).map(({ coordinate }) => coordinate),
    survival: [],
    referenceStatus: 'self',
    ablation,
  });
  const evaluation = {
    loss: 2.5,
    floor: 2.25,
    surprisal: 2.375,
    excess: 0.125,
    excessStandardError: 0.0625,
    retrievalAccuracy: 1,
  } as Evaluation;
  const declared = (id: string, extended?: string) => ({
    id,
    model: 'm',
    seeds: [0, 1, 2, 3],
    params: { 'detect-sw': { ...THRESHOLDS, seed: 1 } },
    ...(extended && { extends: extended }),
  });
  const study = {
    experiments: [declared('truth'), declared('other', 'truth'), declared('untested')],
  } as unknown as StudyDeclaration;
  const piece = <Content>(
    experiment: string,
    seed: number,
    content: Content | undefined,
    key = `${experiment} ${seed}`,
    round = 0,
  ) => ({ label: { experiment, seed, round, step: 's' }, artifact: 'a', key, content });
  const evaluations = ['truth', 'other', 'untested'].flatMap((experiment) =>
    [0, 1, 2, 3].map((seed) => piece(experiment, seed, evaluation)),
  );

  it('count a hit only where a weight that stands apart was confirmed, a false alarm where none stands apart', () => {
    const detections = [
      piece('truth', 0, report(ablated(2, 0), [candidate(0, 2, true)])), // hit
      piece('truth', 1, report(ablated(2, 0), [candidate(5, 1, true)])), // another weight: no hit
      piece('truth', 2, report(ablated(0.01, 0), [candidate(0, 1, true)])), // false alarm
      piece('truth', 3, report(ablated(0.01, 0), [candidate(0, 0, false)])), // rightly nothing
    ];
    const rates = detectorRates(study, { detections, evaluations, planted: [] });
    expect(isRates(rates), JSON.stringify(isRates.errors)).toBe(true);
    expect(rates).toMatchObject({
      byThresholds: [{ thresholds: THRESHOLDS, hits: { k: 1, n: 2 }, falseAlarms: { k: 1, n: 2 } }],
      random: null,
    });
    const [truth] = rates.trained;
    expect([truth!.hits, truth!.falseAlarms]).toMatchObject([
      { k: 1, n: 2 },
      { k: 1, n: 2 },
    ]);
    expect(truth!.runs.map(({ holds, confirmed, found, excess }) => [holds, confirmed, found, excess])).toEqual([
      [1, 1, true, 0.125],
      [1, 1, false, 0.125],
      [0, 1, false, 0.125],
      [0, 0, false, 0.125],
    ]);
  });

  it('show the loss above the same tokens with its error, and a dash for what is not known', () => {
    const detections = [
      piece('truth', 0, report(ablated(2, 0), [candidate(0, 2, true)])),
      piece('truth', 1, report(ablated(2), [])),
    ];
    const bare = {
      ...evaluation,
      surprisal: null,
      excess: null,
      excessStandardError: null,
      retrievalAccuracy: null,
    };
    const rates = detectorRates(study, {
      detections,
      evaluations: [piece('truth', 0, evaluation), piece('truth', 1, bare)],
      planted: [],
    });
    expect(isRates(rates), JSON.stringify(isRates.errors)).toBe(true);
    const rows = ratesTables(rates)
      .split('\n')
      .filter((line) => line.startsWith('| truth |'));
    expect(rows.slice(-2)).toEqual([
      '| truth | 0 | 0.1250 ± 0.0625 | 1.000 | +2.000 | +0.000 | 1 | layer 0 [0, 0], rank 1 | 9.0 x, 9.0 x | +2.000 | 1 |',
      '| truth | 1 | - | - | +2.000 | - | 0 | - | - | - | 0 |',
    ]);
  });

  it('take the truth from the experiment that is extended, and leave out what has none or failed', () => {
    const detections = [
      piece('truth', 0, report(ablated(2, 0), [candidate(0, 2, true)])),
      piece<SuperWeightReport>('truth', 1, undefined),
      piece('other', 0, report([], [candidate(0, 2, false)])),
      piece('other', 1, report([], [candidate(0, 2, true)])),
      piece('untested', 0, report([], [candidate(0, 2, true)])),
    ];
    const { trained } = detectorRates(study, { detections, evaluations, planted: [] });
    expect(
      trained.map(({ experiment, truth, hits, falseAlarms }) => [experiment, truth, hits.k, hits.n, falseAlarms.n]),
    ).toEqual([
      ['truth', 'truth', 1, 1, 0],
      ['other', 'truth', 0, 1, 0],
    ]);
  });

  it('count a model once, under whichever seeds and experiments', () => {
    const hit = report(ablated(2, 0), [candidate(0, 2, true)]);
    const detections = [
      ...[0, 1, 2].map((seed) => piece('truth', seed, hit)),
      piece('truth', 3, report(ablated(3, 0), [candidate(5, 1, true)])),
      ...[0, 1].map((seed) => piece('again', seed, hit)),
    ];
    const again = { experiments: [declared('truth'), declared('again')] } as unknown as StudyDeclaration;
    const all = [...evaluations, ...[0, 1].map((seed) => piece('again', seed, evaluation))];
    const { trained, byThresholds } = detectorRates(again, { detections, evaluations: all, planted: [] });
    expect(trained).toMatchObject([
      { experiment: 'truth', copies: 2, hits: { k: 1, n: 2 } },
      { experiment: 'again', copies: 1, hits: { k: 1, n: 1 } },
    ]);
    expect(trained[0]!.runs).toHaveLength(4);
    expect(byThresholds).toMatchObject([{ hits: { k: 1, n: 2 } }]);
  });

  it('count the last look of a run that looks several times', () => {
    const detections = [
      piece('truth', 0, report(ablated(2, 0), [candidate(0, 2, true)]), 'late', 2),
      piece('truth', 0, report([], [candidate(0, 0, false)]), 'early', 1),
    ];
    expect(detectorRates(study, { detections, evaluations, planted: [] }).trained).toMatchObject([
      { hits: { k: 1, n: 1 } },
    ]);
  });

  it('say what the causal test alone would have found, and what it would have claimed in error', () => {
    const controls = [
      { kind: 'random' as const, row: 1, col: 1, value: 1, effect: 0.01, effectStandardError: null, twin: false },
    ];
    const passing = (col: number, effect: number) => ({
      ...candidate(col, effect, false),
      inputRatio: 2,
      controls,
      worstControl: 0.01,
    });
    const detections = [
      piece('truth', 0, report(ablated(2, 0), [passing(0, 2)])), // missed for its spike
      piece('truth', 1, report(ablated(2, 0), [passing(5, 2)])), // another weight
      piece('truth', 2, report(ablated(0.01, 0), [passing(0, 0.2)])),
      piece('truth', 3, report(ablated(0.01, 0), [passing(0, 0.04)])), // costs too little
    ];
    expect(detectorRates(study, { detections, evaluations, planted: [] }).trained).toMatchObject([
      {
        hits: { k: 0, n: 2 },
        falseAlarms: { k: 0, n: 2 },
        causalHits: { k: 1, n: 2 },
        causalFalseAlarms: { k: 1, n: 2 },
      },
    ]);
  });

  it('count a random model once, however many experiments share it', () => {
    const trial: RandomModelTrial = {
      family: 'llama',
      layers: 3,
      width: 16,
      scheme: 'xavier',
      candidates: 1,
      largestRatio: 4.5,
      largestEffect: 0.02,
      causal: 0,
      confirmed: 0,
      planted: [
        {
          strength: 8,
          layer: 0,
          row: 1,
          col: 2,
          located: true,
          candidate: false,
          otherCandidates: 1,
          inputRatio: 3,
          outputRatio: 9,
          effect: 0,
          confirmed: 0,
        },
      ],
    };
    const planted = [
      piece<PlantedSpikes>('truth', 0, { models: [trial, { ...trial, largestRatio: 4.25 }] }),
      piece<PlantedSpikes>('other', 0, { models: [trial] }),
      piece<PlantedSpikes>('truth', 1, undefined),
    ];
    const rates = detectorRates(study, { detections: [], evaluations: [], planted });
    expect(rates.random).toMatchObject({
      models: 2,
      candidates: { k: 2, n: 6 },
      causal: { k: 0, n: 6 },
      confirmed: { k: 0, n: 2 },
      largestRatio: 4.5,
    });
    expect(rates.planted).toMatchObject([
      { strength: 8, located: { k: 2, n: 2 }, candidate: { k: 0, n: 2 }, others: { k: 2, n: 2 } },
    ]);
    expect(ratesTables(rates)).toContain('| 8 | 2/2 (16-100 %) | 0/2 (0-84 %) | 2/2 (16-100 %) | 0/2 (0-84 %) |');
  });
});

describe('docs/super-weights.md', async () => {
  const docs = await readFile(new URL('../../docs/super-weights.md', import.meta.url), 'utf8');
  const rows = docs
    .split('\n')
    .filter((line) => line.startsWith('| marker-retrieval'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const runs = rows.filter((cells) => cells.length === 11);

  it('has a row for each of the eighteen committed checkpoints, and says which has not learned its language', () => {
    expect(runs.map(([model, seed]) => `${model} ${seed}`)).toEqual(
      MODELS.flatMap((model) => [0, 1, 2, 3, 4, 5].map((seed) => `${model} ${seed}`)),
    );
    const unlearned = runs.filter(
      ([, , aboveFloor, retrieval]) => Number(aboveFloor) > 0.05 || Number(retrieval) < 0.95,
    );
    expect(unlearned.map(([model, seed]) => `${model} ${seed}`)).toEqual(['marker-retrieval-gelu 4']);
    expect(docs).toMatch(/Seed 4 of the GELU model counts\s+although/);
    expect(docs).toContain(rateText(proportion(0, 5)));
  });

  it.each(MODELS)(
    'states of %s what a quick detection in its checkpoints finds, and the rates that follow',
    async (model) => {
      const own = runs.filter(([name]) => name === model);
      let [hits, holding, alarms] = [0, 0, 0];
      for (const [, seed, , , , , standApart, best, , , confirmed] of own) {
        const { outputs } = await runStage(detect, {
          params: { model, causalSequences: 16, batchSize: 16, rescans: 0 },
          inputs: { weights: checkpointPath(model, Number(seed)) },
        });
        const report = JSON.parse(await readFile(outputs.superWeights!, 'utf8')) as SuperWeightReport;
        expect(report.confirmed.length, `${model} ${seed}`).toBe(Number(confirmed));
        if (report.confirmed[0])
          expect(best).toContain(
            `layer ${report.confirmed[0].layer} [${report.confirmed[0].row}, ${report.confirmed[0].col}]`,
          );
        if (Number(standApart) > 0) {
          holding += 1;
          hits += Number(report.confirmed.length > 0);
        } else alarms += Number(report.confirmed.length > 0);
      }
      const stated = rows.find((cells) => cells[0] === model && cells.length === 5)!;
      expect(stated.slice(1, 3)).toEqual([
        rateText(proportion(hits, holding)),
        rateText(proportion(alarms, own.length - holding)),
      ]);
    },
  );

  it('states of planted spikes what a few random models show', async () => {
    const { outputs } = await runStage(plant, {
      params: {
        seed: 0,
        layers: [2],
        widths: [16],
        strengths: [1, 8, 64],
        candidateSequences: 4,
        calibrationSequences: 4,
        causalSequences: 4,
        batchSize: 4,
      },
    });
    const trials = JSON.parse(await readFile(outputs.planted!, 'utf8')) as PlantedSpikes;
    expect(isPlanted(trials), JSON.stringify(isPlanted.errors)).toBe(true);
    const { models } = trials;
    expect(models).toHaveLength(6);
    for (const { candidates, confirmed, planted } of models) {
      expect([candidates, confirmed]).toEqual([0, 0]);
      expect(planted.map(({ candidate }) => candidate)).toEqual([false, true, true]);
      expect(planted.map((trial) => [trial.confirmed, trial.otherCandidates])).toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
    }
  });
});
