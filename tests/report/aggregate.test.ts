/** What aggregate makes of the pieces of a study: its runs, its experiments, the whole. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import schema from '../../schemas/artifacts/results.schema.json' with { type: 'json' };
import { SwpError } from '../../src/base/failure.ts';
import { placeOf } from '../../src/engine/stage.ts';
import type { GatheredArtifact } from '../../src/engine/stage.ts';
import type { Results } from '../../src/generated/results.ts';
import { runRows, runsTable } from '../../src/report/page/tables.ts';
import type { StudyResults } from '../../src/report/read-results.ts';
import { effectText } from '../../src/report/zeroing.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { Piece } from '../../src/science/results/study-pieces.ts';
import aggregate from '../../stages/aggregate.ts';
import { writeSequenceLosses } from '../../src/model/sequence-losses.ts';
import { writeMasks } from '../../src/model/mask-file.ts';
import { CONTROL_ARMS, controlsMasks, controlsPieces, controlsResults, controlsStudy } from './controls-fixture.ts';
import { FLOOR, fixturePieces, fixtureStudy } from './study-fixture.ts';

const results = studyResults(fixtureStudy(), fixturePieces());
const run = (experiment: string, seed: number) =>
  results.runs.find((each) => each.experiment === experiment && each.seed === seed)!;
const experiment = (id: string) => results.experiments.find((each) => each.id === id)!;
const end = (id: string) => experiment(id).points.at(-1)!;

describe('a super weight that is there and multiplies nothing', () => {
  it('is counted as disconnected, not as kept, and no table or file says that it is kept', () => {
    const pieces = fixturePieces();
    const last = pieces.superWeights
      .filter(({ label, content }) => label.experiment === 'ladder' && label.seed === 1 && content !== undefined)
      .at(-1)!.content!;
    const before = end('ladder').survival;
    Object.assign(last.survival[0]!, { kept: false, disconnected: true, value: 3, functional: false });
    const cut = studyResults(fixtureStudy(), pieces);
    const { survival } = cut.experiments.find(({ id }) => id === 'ladder')!.points.at(-1)!;
    expect(survival).toMatchObject({ n: 3, disconnected: 1 });
    expect(survival.kept.k).toBe(before.kept.k - 1);
    expect(before.disconnected).toBe(0);
    const row = runRows(cut as unknown as StudyResults).find(
      (each) => each['experiment'] === 'ladder' && each['seed'] === 1,
    );
    expect(row).toMatchObject({ kept: false, disconnected: true });
    const cells = /ladder seed 1[^]*?<\/tr>/.exec(String(runsTable(cut as unknown as StudyResults)))![0];
    expect(cells).toContain('>disconnected<');
  });
});

describe('an effect', () => {
  it('has its standard error wherever results name it', () => {
    const weight = run('A1', 0).reference.superWeights[0]!;
    expect(weight.effectStandardError).toBeCloseTo(0.02 * weight.effect, 12);
    for (const { measurements } of results.runs)
      for (const { survival } of measurements)
        for (const entry of survival.weights) expect(entry.effectStandardError).toEqual(expect.any(Number));
    expect(results.ablations[0]!.weights[1]!.effectStandardError).toBe(0.002);
    expect(String(runsTable(results as unknown as StudyResults))).toMatch(/<td[^>]*>\d\.\d{4} ± 0\.\d{4}</);
  });

  it.each([
    [1.2345, 0.0212, '1.235 ± 0.021'],
    [1.2345, 0.00012, '1.23450 ± 0.00012'],
    [0.5, null, '0.500'],
    [0, 0, '0'],
    [-0.25, 0.5, '\u22120.250 ± 0.500'],
  ])('of %d with an error of %d is written %s', (effect, error, text) => {
    expect(effectText(effect, error)).toBe(text);
  });
});

describe('a run', () => {
  it('lists the planned pieces that are missing by place and key, and keeps what exists', () => {
    const failed = run('D1', 2);
    expect(failed.status).toBe('incomplete');
    expect(failed.missing.map(({ place }) => place).slice(0, 3)).toEqual([
      'D1/s2/r4/train',
      'D1/s2/r5/train',
      'D1/s2/r3/prune',
    ]);
    expect(failed.missing.every(({ key }) => /^[0-9a-f]{64}$/.test(key!))).toBe(true);
    expect(
      failed.measurements.find(({ round, phase }) => round === 3 && phase === 'trained')!.evaluation,
    ).not.toBeNull();
    expect(failed.measurements.at(-1)).toMatchObject({
      round: 5,
      phase: 'trained',
      evaluation: null,
      step: null,
      survival: { status: 'missing' },
    });
    expect(results.runs.filter(({ status }) => status === 'incomplete')).toEqual([failed]);
  });

  it('is listed even if not a single piece of it was planned', () => {
    const pieces = fixturePieces();
    const without = <Content>(all: Piece<Content>[]) =>
      all.filter(({ label }) => label.experiment !== 'A1' || label.seed !== 1);
    const holed = studyResults(fixtureStudy(), {
      curves: without(pieces.curves),
      prunings: without(pieces.prunings),
      evaluations: without(pieces.evaluations),
      superWeights: without(pieces.superWeights),
    });
    expect(holed.runs.find((each) => each.experiment === 'A1' && each.seed === 1)).toMatchObject({
      status: 'incomplete',
      missing: [{ place: 'A1/s1', artifact: 'every artifact', key: null }],
    });
    expect(holed.runs).toHaveLength(27);
  });

  it('measures what was just pruned and what was retrained at the same level', () => {
    const level3 = run('A1', 0).measurements.filter(({ level }) => level === 3);
    expect(level3.map(({ round, phase }) => [round, phase])).toEqual([
      [3, 'pruned'],
      [4, 'trained'],
    ]);
    expect(level3[0]!.sparsity).toBeCloseTo(1 - 0.9 ** 3, 6);
    expect(level3[1]!.sparsity).toBe(level3[0]!.sparsity);
    expect(level3.map(({ step }) => step)).toEqual([180, 240]);
  });

  it('follows the super weights of the checkpoint if pretrained, those of round 1 if re-initialised', () => {
    expect(run('A1', 0).reference).toMatchObject({ status: 'confirmed', round: 0, phase: 'start' });
    expect(run('C1', 0).reference).toMatchObject({ status: 'confirmed', round: 1, phase: 'trained' });
    expect(run('C1', 0).measurements[0]!.survival).toEqual({ status: 'before-reference', weights: [] });
    expect(run('C1', 2).reference).toMatchObject({ status: 'none-emerged', superWeights: [] });
  });

  it('names super weights that are confirmed elsewhere', () => {
    const last = run('ladder', 1).measurements.at(-1)!;
    expect(last.survival.weights[0]!.redetection).toBe('moved');
    expect(last.newlyConfirmed).toMatchObject([{ layer: 0, row: 7, col: 61 }]);
    expect(run('ladder', 0).measurements.at(-1)!.newlyConfirmed).toEqual([]);
  });

  it('thins long loss curves without moving their mean', () => {
    const [first] = run('C1', 0).curves;
    expect(first!.points.length).toBeLessThanOrEqual(120);
    expect(first!.points.at(-1)!.step).toBe(3500);
    const logged = fixturePieces().curves.find(
      ({ label }) => label.experiment === 'C1' && label.seed === 0 && label.round === 1,
    )!.content!.points;
    const mean = (points: { step: number; loss: number }[]) =>
      points.reduce((sum, point, i) => sum + point.loss * (point.step - (points[i - 1]?.step ?? 0)), 0) /
      points.at(-1)!.step;
    expect(mean(first!.points)).toBeCloseTo(mean(logged), 10);
  });
});

describe('an experiment', () => {
  it('has spreads over the runs that got there, with their number', () => {
    expect(end('A1').perplexity.n).toBe(3);
    expect(end('D1').perplexity.n).toBe(2);
    expect(experiment('D1')).toMatchObject({ declared: 3, complete: 2 });
    const { lower, upper } = experiment('A1').lossInterval!;
    expect(lower).toBeLessThan(end('A1').loss.mean!);
    expect(upper).toBeGreaterThan(end('A1').loss.mean!);
  });

  it('counts survival as k of n runs in which there was something to survive', () => {
    expect(end('A1').survival).toMatchObject({
      n: 3,
      noneEmerged: 0,
      missing: 0,
      kept: { k: 3, n: 3 },
      functional: { k: 3, n: 3 },
    });
    expect(end('A1').survival.kept.interval!.lower).toBeCloseTo(0.2924, 4);
    expect(end('C1').survival).toMatchObject({ n: 2, noneEmerged: 1, kept: { n: 2 } });
    expect(end('D1').survival).toMatchObject({ n: 2, missing: 1 });
    expect(end('ladder').survival).toMatchObject({ redetectedSame: { k: 2, n: 3 }, redetectedMoved: { k: 1, n: 3 } });
  });

  it('says "none emerged", never 0 or 100 %, where nothing was there to survive', () => {
    expect(experiment('E1').reference).toEqual({ confirmed: 0, noneEmerged: 3, unknown: 0, copies: 0 });
    expect(end('E1').survival).toMatchObject({
      n: 0,
      noneEmerged: 3,
      kept: { k: 0, n: 0, interval: null },
      functional: { interval: null },
    });
  });

  it('is compared by seed with the positive control that trains alike, and with no other', () => {
    expect(experiment('A1')).toMatchObject({
      toControl: { baseline: 'unpruned', seeds: [0, 1, 2], alsoDiffers: [] },
      noControl: null,
    });
    expect(experiment('D1')).toMatchObject({
      toControl: null,
      noControl: 'no control trains as D1 does: unpruned trains 60 steps a round, D1 200',
    });
    expect(experiment('at-once').toControl).toMatchObject({ baseline: 'unpruned', seeds: [0, 1, 2] });
    expect(experiment('unpruned')).toMatchObject({ toControl: null, noControl: null });
    const differences = [0, 1, 2].map(
      (seed) =>
        run('A1', seed).measurements.at(-1)!.evaluation!.loss -
        run('unpruned', seed).measurements.at(-1)!.evaluation!.loss,
    );
    expect(experiment('A1').toControl!.mean).toBeCloseTo(differences.reduce((a, b) => a + b) / 3, 12);
  });
});

describe('the study', () => {
  it('answers each declared comparison against its first arm', () => {
    expect(
      results.comparisons.map(({ name, differences }) => [
        name,
        differences.map(({ arm, baseline }) => `${arm} - ${baseline}`),
      ]),
    ).toEqual([
      ['init', ['C1 - B1', 'E1 - B1']],
      ['budget', ['B1 - A1']],
    ]);
  });

  it('keeps each starting model once, however many experiments share it', () => {
    expect(results.ablations.map(({ seed, experiments }) => [seed, experiments.length])).toEqual([
      [0, 7],
      [1, 7],
      [2, 7],
    ]);
    expect(results.ablations[0]!.weights.filter(({ confirmed }) => confirmed)).toMatchObject([
      { rank: 1, coordinate: { row: 45, col: 94 } },
    ]);
  });

  it('knows the floor, unless evaluations disagree on it', () => {
    expect(results.floor).toBe(FLOOR);
    const pieces = fixturePieces();
    pieces.evaluations[0] = { ...pieces.evaluations[0]!, content: { ...pieces.evaluations[0]!.content!, floor: 2 } };
    expect(studyResults(fixtureStudy(), pieces).floor).toBeNull();
  });

  it('refuses a detection that leaves out a reference super weight', () => {
    const pieces = fixturePieces();
    const forgetful = pieces.superWeights.find(
      ({ label }) => label.experiment === 'A1' && label.seed === 0 && label.step === 'detect-pruned',
    )!;
    forgetful.content!.survival = [];
    expect(() => studyResults(fixtureStudy(), pieces)).toThrow(SwpError);
    expect(() => studyResults(fixtureStudy(), pieces)).toThrow(
      'This detection does not say what became of model.layers.0.mlp.down_proj.weight [45, 94]',
    );
  });

  it('refuses a step that does not say what it measures', () => {
    const pieces = fixturePieces();
    pieces.evaluations[0]!.label.step = 'eval-sometime';
    expect(() => studyResults(fixtureStudy(), pieces)).toThrow(
      'The step "eval-sometime" does not say what it measures.',
    );
  });
});

describe('the stage', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'swp-aggregate-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const arms = CONTROL_ARMS.filter(({ id }) => ['D1', 'unpruned', 'G1-shuffled'].includes(id));

  const runStage = async (spoil: (path: string) => Promise<void> = async () => {}) => {
    const gathered: Record<string, GatheredArtifact[]> = {};
    const study = controlsStudy(arms);
    const given = controlsPieces(arms);
    for (const [input, pieces] of Object.entries(given) as [string, Piece<unknown>[]][]) {
      gathered[input] = await Promise.all(
        pieces.map(async ({ label, artifact, key, content }) => {
          if (content === undefined) return { label, stage: label.step, artifact, key };
          const path = join(folder, `${placeOf(label).replaceAll('/', '-')}.json`);
          await writeFile(path, JSON.stringify(content));
          return { label, stage: label.step, artifact, key, path };
        }),
      );
    }
    gathered['masks'] = await Promise.all(
      controlsMasks(given).map(async ({ label, artifact, key, content }) => {
        if (content === undefined) return { label, stage: label.step, artifact, key };
        const path = join(folder, `${placeOf(label).replaceAll('/', '-')}.safetensors`);
        await writeMasks(path, await content());
        return { label, stage: label.step, artifact, key, path };
      }),
    );
    gathered['sequenceLosses'] = await Promise.all(
      given.evaluations.map(async ({ label, key, content }) => {
        const artifact = 'sequenceLosses';
        if (content === undefined) return { label, stage: label.step, artifact, key };
        const path = join(folder, `${placeOf(label).replaceAll('/', '-')}-losses.safetensors`);
        const losses = Float64Array.from({ length: 8 }, (_, row) => content.loss + 0.25 * (row % 2) + 2 ** -row);
        await writeSequenceLosses(path, losses, Int32Array.of(1, 2, 3));
        return { label, stage: label.step, artifact, key, path };
      }),
    );
    await spoil(gathered['curves']![0]!.path!);
    const log: string[] = [];
    const metrics = await aggregate.run({
      params: { study },
      root: folder,
      input: () => '',
      optionalInput: () => undefined,
      gathered: (name) => gathered[name]!,
      output: (name) => join(folder, name),
      checkpoint: async () => {},
      progress: () => {},
      log: (line) => log.push(line),
      signal: new AbortController().signal,
    });
    return { metrics, log, text: await readFile(join(folder, 'results'), 'utf8') };
  };

  it('writes equal bytes for equal inputs, valid by its schema, and logs what is missing', async () => {
    const { metrics, log, text } = await runStage();
    expect(text).toBe((await runStage()).text);
    expect(text.endsWith('}\n')).toBe(true);
    const written = JSON.parse(text) as Results;
    const { samplingError } = written.experiments[0]!;
    expect(samplingError).toBeCloseTo(0.11923836, 6);
    expect(withoutSamplingErrors(written)).toEqual(JSON.parse(JSON.stringify(await controlsResults(arms))));
    const validate = new Ajv({ allErrors: true }).compile(schema);
    expect(validate(written), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
    expect(metrics).toEqual({ runs: 12, incomplete: 1, experiments: 3 });
    expect(log).toContain('missing: pruning of D1/s2/r3/prune');
  });

  it('names an artifact that is no JSON', async () => {
    await expect(runStage((path) => writeFile(path, '{"steps":'))).rejects.toThrow('This artifact is not JSON: ');
  });
});

/** As they are before the losses of sequences are read. */
function withoutSamplingErrors(results: Results): unknown {
  return JSON.parse(JSON.stringify(results), (key, value: unknown) => (key === 'samplingError' ? null : value));
}
