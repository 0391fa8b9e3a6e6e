/** Which schemas the build has compiled, so that commands need not wait for ajv. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileSchema, EXPLAINED } from '../../src/base/compile-schema.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { readStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy } from '../../src/pipeline/study.ts';

const loadedOfAjv = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => /\/ajv\//.test(path));

test("studies of swp's own stages and models are checked without ajv, which any other schema loads", async () => {
  const file = await readStudyFile(join(packageRoot, 'pipeline.json'));
  await resolveStudy(file, { profile: 'table', loader: StageLoader.installed() });
  for (const model of ['marker-retrieval', 'marker-retrieval-gelu'])
    expect(await readModelConfig(model)).toHaveProperty('layers');
  expect(loadedOfAjv()).toEqual([]);

  const isSmall = compileSchema({ type: 'number', maximum: 3 }, EXPLAINED);
  expect([isSmall(3), isSmall(4), isSmall.errors?.[0]?.message]).toEqual([true, false, 'must be <= 3']);
  expect(loadedOfAjv()).not.toEqual([]);
});
