/**
 * The schema that editors complete and check pipeline.json by: it accepts templates, and parameters of the stages
 * alone.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';

let validate: ValidateFunction;
let study: Record<string, unknown>;
beforeAll(async () => {
  const json = async (...path: string[]) =>
    JSON.parse(await readFile(join(packageRoot, ...path), 'utf8')) as Record<string, unknown>;
  const ajv = new Ajv({ allErrors: true, strict: false, validateSchema: false });
  for (const file of await readdir(join(packageRoot, 'schemas/stages')))
    ajv.addSchema({ ...(await json('schemas/stages', file)), $id: `stages/${file}` });
  validate = ajv.compile(await json('schemas/pipeline.schema.json'));
  study = await json('pipeline.json');
});

const problems = (content: unknown) => {
  validate(content);
  return [
    ...new Set(
      (validate.errors ?? [])
        .filter(({ keyword }) => keyword !== 'if' && keyword !== 'anyOf')
        .map(({ instancePath }) => instancePath),
    ),
  ];
};
const withExperiment = (experiment: unknown, name = 'X') => ({
  ...study,
  experiments: { [name]: experiment },
  profiles: {},
  comparisons: [],
});

describe('an editor', () => {
  test('has nothing against the committed studies', async () => {
    expect(problems(study)).toEqual([]);
    const studies = (await readdir(join(packageRoot, 'studies'), { recursive: true })).filter((path) =>
      /^[^/]+\/pipeline\.json$/.test(path),
    );
    expect(studies.length).toBeGreaterThan(2);
    for (const path of studies)
      expect(problems(JSON.parse(await readFile(join(packageRoot, 'studies', path), 'utf8'))), path).toEqual([]);
  });

  test('takes variables for values in an entry with a matrix, and only there', () => {
    const params = { train: { steps: '{n}' }, prune: { fraction: '{f}' } };
    expect(
      problems(
        withExperiment(
          { matrix: { n: [1], f: [0.5] }, rounds: '{n}', params, perRound: { prune: { fraction: ['{f}', 0] } } },
          '{n}-{f}',
        ),
      ),
    ).toEqual([]);
    expect(problems(withExperiment({ params }))).toEqual([
      '/experiments/X/params/train/steps',
      '/experiments/X/params/prune/fraction',
    ]);
  });

  test("still knows the parameters of a template's stages where there is no variable", () => {
    expect(
      problems(withExperiment({ matrix: { n: [1] }, params: { train: { steps: -1 }, prune: { fraction: '{n}' } } })),
    ).toContain('/experiments/X/params/train/steps');
    expect(problems(withExperiment({ matrix: { n: [1] }, params: { init: { schem: 'xavier' } } }))).toContain(
      '/experiments/X/params/init',
    );
  });
});
