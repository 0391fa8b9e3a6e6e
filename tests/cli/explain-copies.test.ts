/** swp explain in copies of a study and of a cache: a node is compared with what its own place had. */
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

interface Explained {
  nodes: {
    stage: string;
    state: string;
    comparedWith?: string;
    relation?: string;
    study?: string;
    causes: { path: string; before: unknown; after: unknown }[];
  }[];
}

/** A2 prunes more than A1; its change to A1's fraction makes A1's record look nearer than its own. */
function study(fraction = 0.2) {
  const tiny = tinyStudy();
  tiny.experiments = {
    A1: { params: { prune: { fraction: 0.1 } } },
    A2: { params: { prune: { fraction }, train: { learningRate: 0.002 } } },
    A3: { params: { prune: { fraction: 0.3 }, train: { learningRate: 0.003 } } },
  };
  return tiny;
}

async function explained(project: SwpProject, ...more: string[]): Promise<Explained['nodes'][number]> {
  const [{ nodes }] = (
    await project.swp('explain', 'stage=prune', 'experiment=A2', '--json', ...more)
  ).json<Explained>() as [Explained];
  return nodes[0]!;
}

test('a copy of study and cache, a copied cache and a shared one compare a place with its own past', async () => {
  const project = await SwpProject.create(study());
  expect((await project.swp('repro')).exitCode).toBe(0);
  const elsewhere = await realpath(await mkdtemp(join(tmpdir(), 'swp-')));
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  const cause = [{ path: 'params.fraction', before: 0.2, after: 0.3 }];

  // Copied as a whole, without the times of files: what the study remembers is there, too.
  const copy = await SwpProject.create(study(0.3));
  await cp(project.path('cache'), copy.path('cache'), { recursive: true });
  const there = await explained(copy);
  expect(there).toMatchObject({ state: 'stale', relation: 'before', causes: cause });

  // Only the cache was copied, and the study is another user's, at another place.
  await cp(project.path('cache'), join(elsewhere, 'cache'), { recursive: true });
  const other = await SwpProject.create(study(0.3));
  const shared = await explained(other, '--cache', join(elsewhere, 'cache'));
  expect(shared).toMatchObject({
    state: 'missing',
    relation: 'elsewhere',
    study: project.path('pipeline.json'),
    comparedWith: there.comparedWith,
    causes: cause,
  });
  const { stdout } = await other.swp('explain', 'stage=prune', 'experiment=A2', '--cache', join(elsewhere, 'cache'));
  expect(stdout).toContain(
    `compared with ${there.comparedWith!.slice(0, 12)}, which stood here in ${project.path('pipeline.json')}`,
  );

  // The study itself with a copy of its cache.
  await project.write('pipeline.json', study(0.3));
  expect(await explained(project, '--cache', join(elsewhere, 'cache'))).toMatchObject({ causes: cause });

  // Nothing is remembered: the nearest record by content, which says so.
  await rm(join(elsewhere, 'cache/studies'), { recursive: true });
  expect(await explained(other, '--cache', join(elsewhere, 'cache'))).toMatchObject({ relation: 'nearest' });
});

test('a copy dismisses and accepts what the original did', async () => {
  const project = await SwpProject.create(study());
  expect((await project.swp('repro', 'experiment=A1')).exitCode).toBe(0);
  await project.swp('invalidate', 'stage=prune', 'experiment=A1', '--why', 'a doubt');
  const copy = await SwpProject.create(study());
  await cp(project.path('cache'), copy.path('cache'), { recursive: true });
  expect((await copy.swp('status')).stdout).toContain('a doubt');
});
