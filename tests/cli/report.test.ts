/** swp report, and the report at the end of swp repro. */
import { createHash } from 'node:crypto';
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

test('repro ends with the report and a short summary; the next one leaves it as it is', async () => {
  const project = await SwpProject.create(await smallestStudy());
  const page = project.path('report/all/index.html');

  const first = await project.swp('repro', '--json');
  expect(first.stderr).toBe('');
  const summary = first.json<SwpEvent>().at(-1);
  expect(summary).toMatchObject({
    event: 'summary',
    nodes: { failed: 0, blocked: 0 },
    report: page,
    highlights: { runs: { total: 1, complete: 1 } },
  });
  expect(await readFile(page, 'utf8')).toContain('<html');

  const { mtimeMs } = await stat(page);
  const second = await project.swp('repro');
  expect(second.exitCode).toBe(0);
  expect(second.stdout).toContain('11 nodes: 11 cached, 0 ran in ');
  expect(second.stdout.trimEnd().split('\n').at(-1)).toBe(`Report: ${page}`);
  expect((await stat(page)).mtimeMs).toBe(mtimeMs);

  const again = await project.swp('report', '--json');
  expect(again.json()[0]).toMatchObject({ report: page });
  expect((await stat(page)).mtimeMs).toBeGreaterThan(mtimeMs);

  // What is damaged of it is made again, and the results that it is made of.
  const digest = createHash('sha256')
    .update(await project.read('report/all/results.json'))
    .digest('hex');
  const results = project.path(`cache/artifacts/${digest.slice(0, 2)}/${digest}.json`);
  const [figure] = await readdir(project.path('report/all/figures'));
  const files = [results, project.path('report/all/figures', figure!), page];
  const before = await Promise.all(files.map((path) => readFile(path)));
  await chmod(results, 0o644);
  for (const [index, path] of files.entries()) await writeFile(path, Buffer.from(before[index]!).fill('x', 0, 9));
  const plots = await project.swp('plots');
  expect([plots.exitCode, plots.stderr]).toEqual([2, expect.stringContaining('Run `swp verify --heal`')]);
  const healed = await project.swp('repro');
  expect(healed.exitCode).toBe(0);
  expect(healed.stderr).toContain(`warning: ${results}: The artifact's content has changed`);
  expect(healed.stdout).toContain('11 nodes: 10 cached, 1 ran in ');
  expect(await Promise.all(files.map((path) => readFile(path)))).toEqual(before);

  await writeFile(page, 'x');
  const { exitCode, stdout } = await project.swp('verify');
  expect([exitCode, stdout.split('\n').slice(1)]).toEqual([
    1,
    [
      'aggregate run again on what it gathered: the same results, bit for bit.',
      `damaged: ${page}: it is not as it was rendered.`,
      '  `swp repro` renders the report again.',
    ],
  ]);
});

test('a report that cannot be written takes nothing from the summary: 2, and what to do', async () => {
  const project = await SwpProject.create(await smallestStudy());
  await project.write('report', 'in the way');
  const { exitCode, stdout, stderr } = await project.swp('repro', '--json');
  expect(stdout.split('\n').at(-1)).toMatch(
    /^\{"event":"summary","nodes":\{"total":11,"cached":0,"ran":11,"failed":0,"blocked":0\}/,
  );
  expect(stderr).toMatch(
    /^error: Cannot write .+\/report: a part of the path is no folder\.\n {2}The report is written to .+ `swp report` renders it; the results are kept\.$/,
  );
  expect(exitCode).toBe(2);
});

test('before there are results, report says what to do', async () => {
  const project = await SwpProject.create(await smallestStudy());
  const { exitCode, stderr } = await project.swp('report');
  expect(stderr).toBe('error: There are no results of profile "all" yet.\n  Expected: `swp repro` first.');
  expect(exitCode).toBe(2);
});

test('with a selector the report shows what there is, and lists the rest as missing', async () => {
  const study = await smallestStudy();
  const project = await SwpProject.create({
    ...study,
    experiments: { A1: {}, A2: { params: { prune: { fraction: 0.2 } } } },
  });
  const part = await project.swp('repro', '--json', 'experiment=A1');
  expect(part.json<SwpEvent>().at(-1)).toMatchObject({
    nodes: { total: 11, ran: 11, failed: 0 },
    highlights: { runs: { total: 2, complete: 1, incomplete: 1 } },
  });

  const again = await project.swp('repro', '--json', 'experiment=A1');
  expect(again.json<SwpEvent>().at(-1)).toMatchObject({ nodes: { total: 11, cached: 11, ran: 0 } });

  const rest = await project.swp('repro', '--json');
  expect(rest.json<SwpEvent>().at(-1)).toMatchObject({
    nodes: { total: 14, cached: 10, ran: 4 },
    highlights: { runs: { complete: 2, incomplete: 0 } },
  });
});
