/** Which records `swp verify --heal` puts aside. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { digestJson } from '../../src/base/digest.ts';
import { Cache } from '../../src/cache/cache.ts';
import { putResultsAside } from '../../src/project/study-report.ts';

test('wrong results that serve another recipe too are put aside with it; what early cutoff would not find stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swp-results-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const cache = await Cache.open(folder);
  const at = new Date();
  const publish = async (recipe: string, content: string, text: string) => {
    const path = join(await cache.scratch.node(), 'results.json');
    await writeFile(path, text);
    return cache.publish({
      key: digestJson(recipe),
      contentKey: digestJson(content),
      stage: 'aggregate',
      preimage: {},
      contentPreimage: {},
      outputs: { results: { path, file: 'results.json' } },
      metrics: {},
      environment: {},
      seconds: 0,
      startedAt: at,
      finishedAt: at,
    });
  };
  const made = await publish('first', 'content', '1');
  const unrelated = await publish('other', 'other content', '1');
  const alias = await cache.alias(digestJson('second'), {}, made);
  expect(await putResultsAside({ cache }, alias)).toHaveLength(2);
  expect([alias, made, unrelated].map(({ key }) => existsSync(cache.recordPath(key)))).toEqual([false, false, true]);
  // Another one of the content, which says otherwise, may be right.
  const right = await publish('first', 'content', '2');
  expect(await putResultsAside({ cache }, alias)).toHaveLength(1);
  expect(existsSync(cache.recordPath(right.key))).toBe(true);
  await cache.scratch.clear();
});
