/** Whatever a study may declare and its runs may come to: results are gathered from it, and reported. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import schema from '../../schemas/artifacts/results.schema.json' with { type: 'json' };
import type { ComparisonDeclaration, StudyDeclaration } from '../../src/generated/aggregate.ts';
import type { Results } from '../../src/generated/results.ts';
import { renderReport } from '../../src/report/render-report.ts';
import { referenceProblems } from '../../src/science/reference-sets.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from './study-fixture.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'swp-extremes-'))));
afterAll(() => rm(folder, { recursive: true }));

const validate = new Ajv({ allErrors: true }).compile(schema);
const METRICS: ComparisonDeclaration['metrics'] = ['loss', 'kept', 'functional', 'redetected'];
const seedsUpTo = (n: number) => Array.from({ length: n }, (_, seed) => seed);

/** Two arms that differ in how much they prune, with a control, and a comparison of everything. */
function arms(change: Partial<FixtureArm>): FixtureArm[] {
  const common = { steps: repeat(20, 2), fractions: [0.1], ...change };
  const { length } = common.fractions;
  return [
    { id: 'few', description: 'Prunes few.', ...common },
    {
      id: 'many',
      description: 'Prunes many.',
      ...common,
      fractions: common.fractions.map((each) => 3 * each),
      shift: 0.1,
    },
    { id: 'none', description: 'Prunes none.', role: 'positive-control', ...common, fractions: repeat(0, length) },
  ];
}

function studyOf(declared: FixtureArm[], change: Partial<StudyDeclaration> = {}): StudyDeclaration {
  const comparison: ComparisonDeclaration = {
    name: 'share',
    question: 'Does the share matter?',
    topic: 'survival',
    arms: ['few', 'many'],
    varies: ['prune.fraction'],
    family: 'share',
    metrics: METRICS,
    accept: {},
  };
  return { ...fixtureStudy(declared), comparisons: [comparison], ...change };
}

/** As aggregate writes them: what JSON cannot hold would come back as null. */
function gathered(study: StudyDeclaration, pieces: StudyPieces): Results {
  const written = JSON.parse(JSON.stringify(studyResults(study, pieces))) as Results;
  expect(validate(written), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  return written;
}

const lost = <Content>(pieces: Piece<Content>[]): Piece<Content>[] =>
  pieces.map(({ label, artifact, key }) => ({ label, artifact, key }));
const nothing = ({ curves, prunings, evaluations, superWeights }: StudyPieces): StudyPieces => ({
  curves: lost(curves),
  prunings: lost(prunings),
  evaluations: lost(evaluations),
  superWeights: lost(superWeights),
});

async function rendered(results: Results): Promise<string> {
  const resultsPath = join(folder, 'results.json');
  await writeFile(resultsPath, JSON.stringify(results));
  const { html } = await renderReport({ resultsPath, outDir: join(folder, 'report') });
  return readFile(html, 'utf8');
}

describe('results are gathered', () => {
  it.each([1, 2, 3, 40, 41, 120])('from %i paired seeds, each difference with its tests', (n) => {
    const declared = arms({ seeds: seedsUpTo(n) });
    const [comparison] = gathered(studyOf(declared), fixturePieces(declared)).comparisons;
    const [difference] = comparison!.differences;
    expect(difference).toMatchObject({ n, signFlip: { smallestP: Math.min(1, 2 ** (1 - n)) } });
    expect(difference!.verdict).toBe(n >= 8 ? 'significant' : 'cannot-be-significant');
    expect(comparison!.survivalTests).toHaveLength(3);
  });

  it('from more seeds than are of one sign, in a time that is none to speak of', () => {
    const declared = arms({ seeds: seedsUpTo(400), loses: seedsUpTo(150) });
    const [comparison] = gathered(studyOf(declared), fixturePieces(declared)).comparisons;
    expect(comparison!.differences[0]!.n).toBe(400);
  });

  const levels = [1e-300, 1e-17, 1e-9, 0.5, 0.999, 1 - 2 ** -53];
  it.each(levels)('at an alpha and a confidence of %d', (level) => {
    const declared = arms({ seeds: seedsUpTo(5) });
    const analysis = { alpha: level, confidence: level, tolerance: level };
    gathered(studyOf(declared, { analysis }), fixturePieces(declared));
  });

  it('from a hundred comparisons in one family', () => {
    const declared = arms({ seeds: seedsUpTo(6) });
    const [comparison] = studyOf(declared).comparisons;
    const comparisons = seedsUpTo(100).map((index) => ({ ...comparison!, name: `c${index}` }));
    const { holm } = gathered(studyOf(declared, { comparisons }), fixturePieces(declared)).comparisons[99]!
      .differences[0]!;
    expect(holm).toMatchObject({ members: 400, smallestAdjustedP: 1 });
  });

  it.each<[string, FixtureArm[], (pieces: StudyPieces) => StudyPieces]>([
    ['whose runs have all failed', arms({}), nothing],
    ['of which nothing was planned', arms({}), () => ({ curves: [], prunings: [], evaluations: [], superWeights: [] })],
    ['without rounds', arms({ fractions: [], steps: [20] }), (pieces) => pieces],
    ['without any training', arms({ fractions: [], steps: [] }), (pieces) => pieces],
    ['without detections', arms({}), (pieces) => ({ ...pieces, superWeights: [] })],
    ['without evaluations', arms({}), (pieces) => ({ ...pieces, evaluations: [] })],
    ['without curves', arms({}), (pieces) => ({ ...pieces, curves: [] })],
    ['in which nothing emerges', arms({ scheme: 'xavier', holds: [] }), (pieces) => pieces],
    ['whose arms are the same nodes', arms({ twinOf: 'few' }), (pieces) => pieces],
  ])('from a study %s', (_, declared, change) => {
    gathered(studyOf(declared), change(fixturePieces(declared)));
  });
});

describe('a report is made', () => {
  it('of more seeds than the exact test enumerates', async () => {
    const declared = arms({ seeds: seedsUpTo(41) });
    expect(await rendered(gathered(studyOf(declared), fixturePieces(declared)))).toContain('share');
  });

  it('of a study whose runs have all failed', async () => {
    const declared = arms({});
    expect(await rendered(gathered(studyOf(declared), nothing(fixturePieces(declared))))).toContain('few');
  });

  it('of a single run without rounds', async () => {
    const declared = arms({ fractions: [], steps: [20], seeds: [7] });
    expect(await rendered(gathered(studyOf(declared), fixturePieces(declared)))).toContain('few');
  });
});

describe('a detection that says nothing of the super weights that its run follows', () => {
  type Inputs = Record<string, string>;
  const study = (role: string | undefined, reference: Inputs): StudyDeclaration => {
    const declared = studyOf(arms({ role: role ?? 'arm', scheme: 'xavier' }));
    const detect = (step: string, inputs: Inputs) => ({ step, stage: 'detect-sw', inputs });
    const rounds = [
      { from: 0, to: 0, steps: [detect('detect-start', {})] },
      {
        from: 1,
        to: 1,
        steps: [detect('detect-trained', {}), detect('detect-pruned', { reference: 'detect-trained.superWeights' })],
      },
      { from: 2, to: 2, steps: [detect('detect-trained', reference)] },
    ];
    const experiments = declared.experiments.map((experiment) => ({ ...experiment, wiring: 0 }));
    return { ...declared, experiments, wirings: [rounds] };
  };

  it('is found before anything runs, once for its step', () => {
    const strays: Inputs[] = [
      {},
      { reference: 'detect-start.superWeights @0' },
      { reference: 'detect-pruned.superWeights -1' },
    ];
    for (const reference of strays)
      expect(referenceProblems(study(undefined, reference))).toEqual([
        {
          param: 'study',
          input: { step: 'detect-trained', name: 'reference' },
          message:
            'Step "detect-trained" of few does not say in round 2 what became of the super weights that the run follows, which are those of "detect-trained" in round 1',
          expected: '"first detect-trained.superWeights" as its input "reference"',
        },
      ]);
  });

  it('is none where it does say it, or where nothing is followed', () => {
    for (const place of ['-1', '@1'])
      expect(referenceProblems(study(undefined, { reference: `detect-trained.superWeights ${place}` }))).toEqual([]);
    expect(referenceProblems(study('emergence', {}))).toEqual([]);
  });

  it('leaves the survival of an emergence arm unknown', () => {
    const declared = arms({ role: 'emergence', scheme: 'xavier' });
    const pieces = fixturePieces(declared);
    for (const { label, content } of pieces.superWeights) if (label.round > 1) content!.survival = [];
    const [run] = gathered(studyOf(declared), pieces).runs;
    expect(run!.measurements.at(-1)!.survival).toEqual({ status: 'missing', weights: [] });
  });
});
