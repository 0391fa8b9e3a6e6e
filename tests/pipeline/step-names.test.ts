/** Steps may have any names: what a step is, its declaration says. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import type { StudyDeclaration } from '../../src/generated/aggregate.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import { maskFindings } from '../../src/science/results/mask-findings.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { writtenOutStudy } from '../support/written-out.ts';
import { controlsMasks, controlsPieces, controlsStudy } from '../report/controls-fixture.ts';

type Json = Record<string, unknown>;

async function declarationOf(content: Json): Promise<StudyDeclaration> {
  const file = parseStudyFile(join(packageRoot, 'pipeline.json'), JSON.stringify(content, null, 2));
  return declareStudy(await resolveStudy(file, { profile: 'pilot', loader: StageLoader.installed() }));
}

const NAMES = new Map<string, string>();
/** `train` -> `step3`: a name that says nothing. */
function newName(step: string): string {
  if (!NAMES.has(step)) NAMES.set(step, `step${NAMES.size}`);
  return NAMES.get(step)!;
}

/** A reference such as `first detect-trained.superWeights`, with the step's new name. */
function newReference(reference: unknown): unknown {
  if (Array.isArray(reference)) return reference.map(newReference);
  if (typeof reference === 'string')
    return reference.replace(/^((?:this|first) )?([^ ]+)\.([^.]+)$/, (_, which: string | undefined, step, artifact) => {
      return `${which ?? ''}${newName(step as string)}.${artifact}`;
    });
  const { when, use, otherwise } = reference as Json;
  return { when, use: newReference(use), ...(otherwise === undefined ? {} : { otherwise: newReference(otherwise) }) };
}

function newStep(step: Json): Json {
  const references = (values: unknown) =>
    Object.fromEntries(Object.entries((values ?? {}) as Json).map(([name, each]) => [name, newReference(each)]));
  return {
    ...step,
    step: newName(step['step'] as string),
    ...(step['inputs'] === undefined ? {} : { inputs: references(step['inputs']) }),
    ...(step['gather'] === undefined ? {} : { gather: references(step['gather']) }),
  };
}

/** The committed study with another name for each of its steps. */
async function renamedStudy(): Promise<Json> {
  const study = await writtenOutStudy();
  const dag = (study['dag'] as Json[]).map((entry) =>
    'repeat' in entry
      ? { ...entry, final: (entry['final'] as string[]).map(newName), steps: (entry['steps'] as Json[]).map(newStep) }
      : newStep(entry),
  );
  const experiments = Object.fromEntries(
    Object.entries(study['experiments'] as Record<string, Json>).map(([id, { perStep, ...experiment }]) => [
      id,
      perStep === undefined
        ? experiment
        : {
            ...experiment,
            perStep: Object.fromEntries(Object.entries(perStep as Json).map(([step, own]) => [newName(step), own])),
          },
    ]),
  );
  const comparisons = (study['comparisons'] as Json[]).map((comparison) => ({
    ...comparison,
    varies: (comparison['varies'] as string[]).map((name) => name.replace(/^rewind-point\b/, newName)),
  }));
  return { ...study, dag, experiments, comparisons };
}

describe('a study with other names for its steps', () => {
  it('declares the same of each of them', async () => {
    const [declared, renamed] = [
      await declarationOf(await writtenOutStudy()),
      await declarationOf(await renamedStudy()),
    ];
    expect(declared.steps['eval-pruned']).toEqual({
      stage: 'eval',
      measures: 'pruned',
      gatheredAs: ['evaluations', 'sequenceLosses'],
    });
    expect(declared.steps['prune']).toEqual({ stage: 'prune', gatheredAs: ['prunings', 'masks'] });
    expect(Object.entries(renamed.steps)).toEqual(
      Object.entries(declared.steps).map(([name, step]) => [newName(name), step]),
    );
  });

  it('has the same results', async () => {
    const study = controlsStudy();
    const pieces = controlsPieces();
    const renamed: StudyDeclaration = {
      ...study,
      steps: Object.fromEntries(Object.entries(study.steps).map(([name, step]) => [newName(name), step])),
    };
    const rename = <Content>(all: Piece<Content>[]): Piece<Content>[] =>
      all.map((piece) => ({ ...piece, label: { ...piece.label, step: newName(piece.label.step) } }));
    const renamedPieces: StudyPieces = {
      curves: rename(pieces.curves),
      prunings: rename(pieces.prunings),
      evaluations: rename(pieces.evaluations),
      superWeights: rename(pieces.superWeights),
    };
    const results = studyResults(
      study,
      pieces,
      await maskFindings(study, controlsMasks(pieces), studyComputations(study, pieces)),
    );
    const others = studyResults(
      renamed,
      renamedPieces,
      await maskFindings(renamed, rename(controlsMasks(pieces)), studyComputations(renamed, renamedPieces)),
    );
    // The names themselves stand in the declaration, and in the places of what is missing.
    const places = (of: typeof results) =>
      of.runs.map((run) => ({ ...run, missing: run.missing.map((each) => ({ ...each, place: '' })) }));
    expect({ ...others, study: null, runs: places(others) }).toEqual({
      ...results,
      study: null,
      runs: places(results),
    });
  });
});

describe('a step whose measurements are gathered', () => {
  it('has to say what it measures', async () => {
    const study = await writtenOutStudy();
    const start = (study['dag'] as Json[]).find(({ step }) => step === 'eval-start')!;
    delete start['measures'];
    await expect(declarationOf(study)).rejects.toMatchObject({
      failure: {
        kind: 'study',
        message: 'Step "eval-start" does not say what it measures, and "aggregate" gathers it among its evaluations.',
        expected: expect.stringContaining('"measures" in the step: "start"') as unknown,
      },
    });
  });

  it('measures the start outside of the rounds alone', async () => {
    const study = await writtenOutStudy();
    const { steps } = (study['dag'] as { steps?: Json[] }[]).find((entry) => entry.steps !== undefined)!;
    steps!.find(({ step }) => step === 'eval-trained')!['measures'] = 'start';
    await expect(declarationOf(study)).rejects.toMatchObject({
      failure: { kind: 'study', message: 'Step "eval-trained" is repeated, and a run starts with one model.' },
    });
  });

  it('is the only one of its run and round that measures the same, unless a run leaves it out', async () => {
    const rival = async (unless: object) => {
      const study = await writtenOutStudy();
      const { steps } = (study['dag'] as { steps?: Json[] }[]).find((entry) => entry.steps !== undefined)!;
      const place = steps!.findIndex(({ step }) => step === 'eval-trained');
      steps!.splice(place + 1, 0, { ...steps![place], step: 'eval-again', ...unless });
      const { gather } = (study['dag'] as { gather?: { evaluations: string[] } }[]).at(-1)!;
      gather!.evaluations.push('eval-again.evaluation');
      const file = parseStudyFile(join(packageRoot, 'pipeline.json'), JSON.stringify(study, null, 2));
      const loader = StageLoader.installed();
      return buildDag(await resolveStudy(file, { profile: 'smoke', loader }), loader);
    };
    await expect(rival({})).rejects.toMatchObject({
      failure: {
        kind: 'content',
        message:
          'Steps "eval-trained" and "eval-again" both measure "trained" at A1/s0/r1/eval-again, and "aggregate" gathers both among its evaluations',
      },
    });
    await expect(rival({ unless: { restore: 'none' } })).resolves.toHaveProperty('order', 26);
  });

  it('can measure nothing but the start, what was trained, and what was pruned', async () => {
    const study = await writtenOutStudy();
    (study['dag'] as Json[]).find(({ step }) => step === 'eval-start')!['measures'] = 'end';
    await expect(declarationOf(study)).rejects.toMatchObject({
      failure: { message: '"end" is not possible here.', expected: '"start", "trained" or "pruned"' },
    });
  });
});
