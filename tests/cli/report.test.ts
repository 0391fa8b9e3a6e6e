/** swp report, and the report at the end of swp repro. */
import { createHash } from 'node:crypto';
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { canonicalJson, type JsonObject } from '../../src/base/json.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import { reseal } from '../support/reseal.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { command, SwpProject } from '../support/swp-project.ts';

test('repro ends with the report and a short summary; the next one leaves it as it is', async () => {
  const study = await smallestStudy();
  // A stage of one's own may call an output `results`, and gather the study: no report is made of it.
  (study.dag as unknown[]).splice(-1, 0, { step: 'own', stage: 'own', gather: { curves: 'train.curve' } });
  const project = await SwpProject.create(study);
  await project.write(
    'stages/own.sh',
    `echo '{}' > "$(sed 's/.*"outputs":{"results":"\\([^"]*\\)".*/\\1/')"; echo '{"metrics":{}}'`,
  );
  await project.write('stages/own.stage.json', {
    name: 'own',
    summary: 'A program.',
    command: ['sh', 'stages/own.sh'],
    code: ['stages/own.sh'],
    inputs: { curves: { summary: 'Curves.', gather: true } },
    outputs: { results: { summary: 'Anything.', file: 'own.json' } },
  });
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
  expect(second.stdout).toContain('12 nodes: 12 cached, 0 ran in ');
  expect(second.stdout.trimEnd().split('\n').at(-1)).toBe(`Report: ${page}`);
  expect((await stat(page)).mtimeMs).toBe(mtimeMs);

  // On a narrow terminal, tables are folded, and the legend goes on in further lines.
  for (const columns of [20, 40]) {
    const narrow = (...words: string[]) =>
      project.startProgram('env', [`COLUMNS=${columns}`, process.execPath, command, ...words]);
    const [report, dag] = [String((await narrow('report')).stdout), String((await narrow('dag')).stdout)];
    expect(report).toMatch(/\n {2}perplexity:/);
    const table = report.slice(report.indexOf('\nA1\n'), report.indexOf('\nA weight counts'));
    const legend = dag.slice(dag.indexOf('\n\nL load-pretrained'), dag.indexOf('\nThen '));
    for (const line of [...table.split('\n'), ...legend.split('\n')])
      expect(stringWidth(line), line).toBeLessThanOrEqual(columns);
    expect(legend.replace(/\s+/g, ' ')).toContain('nodes of its own begin; what stands before is shared');
  }

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
  expect(healed.stdout).toContain('12 nodes: 11 cached, 1 ran in ');
  expect(await Promise.all(files.map((path) => readFile(path)))).toEqual(before);

  // Somebody who knows the format changes results and their record so that checksums fit, and the page.
  const record = await forgeResults(project, results, (text) =>
    text.replace(/"perplexity":[\d.]+/, '"perplexity":1.5'),
  );
  await writeFile(page, 'x');
  const { exitCode, stdout } = await project.swp('verify', '--cache', 'cache');
  expect([exitCode, stdout.split('\n').slice(1)]).toEqual([
    1,
    [
      expect.stringMatching(/^aggregate run again on what it gathered: different results: results: .*\.$/),
      '  `swp verify --heal --cache cache` puts their record aside and makes them again.',
      `damaged: ${page}: it is not as it was rendered.`,
      '  `swp repro` renders the report again.',
    ],
  ]);
  const made = await project.swp('verify', '--heal', '--json');
  const [found, ...events] = made.json<{ results?: { aside: string[] }; nodes?: object }>();
  expect([made.exitCode, events.at(-1)!.nodes]).toEqual([
    0,
    expect.objectContaining({ cached: 11, ran: 1, failed: 0 }),
  ]);
  expect(found!.results!.aside).toEqual([expect.stringContaining(`/damaged/${basename(record)}`)]);
  expect(await Promise.all(files.map((path) => readFile(path)))).toEqual(before);

  await project.write('pipeline.json', { ...study, dag: [{ step: 'own', stage: 'nobodys' }] });
  expect(await project.swp('verify')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('There is no stage "nobodys".') as string,
  });
});

/** @returns path of the record, which names other results now */
async function forgeResults(project: SwpProject, results: string, change: (text: string) => string): Promise<string> {
  const text = change(await readFile(results, 'utf8'));
  const sha256 = createHash('sha256').update(text).digest('hex');
  await project.write(`cache/artifacts/${sha256.slice(0, 2)}/${sha256}.json`, text);
  const records = await readdir(project.path('cache/records'), { recursive: true });
  for (const name of records.filter((each) => /\/[0-9a-f]{64}\.json$/.test(each))) {
    const path = project.path('cache/records', name);
    const { stage } = JSON.parse(await readFile(path, 'utf8')) as { stage: string };
    if (stage !== 'aggregate') continue;
    await reseal<{ artifacts: { results: object } }>(path, ({ artifacts }) => {
      Object.assign(artifacts.results, { sha256, bytes: Buffer.byteLength(text) });
    });
    return path;
  }
  throw new Error('There is no record of results.');
}

test('a figure that cannot be drawn fails the report, which says so and has all others', async () => {
  const project = await SwpProject.create(await smallestStudy());
  const { stdout } = await project.swp('repro', '--json');
  expect(stdout).toContain('"report":');
  const text = await project.read('report/all/results.json');
  const digest = createHash('sha256').update(text).digest('hex');
  const drawn = await readdir(project.path('report/all/figures'));
  const page = project.path('report/all/index.html');
  // Results that no aggregate writes: whatever a figure stumbles over, it is a bug of its own.
  await forgeResults(project, project.path(`cache/artifacts/${digest.slice(0, 2)}/${digest}.json`), (whole) =>
    canonicalJson({ ...(JSON.parse(whole) as JsonObject), masks: null }),
  );
  const message = [
    `error: ${page}: The report is incomplete, as this could not be drawn: 1h-mask-overlap (Cannot read properties of null (reading 'filter')).`,
    '  The results and the other figures are there. This is a bug in swp: please report it with results.json.',
  ].join('\n');
  for (const command of [['report'], ['repro'], ['report', '--json']]) {
    const again = await project.swp(...command);
    expect([again.exitCode, again.stderr]).toEqual([2, message]);
    expect(again.stdout).toContain(page);
  }
  expect(await readdir(project.path('report/all/figures'))).toEqual(drawn);
  expect(await project.read('report/all/index.html')).toContain('This report is incomplete:');
  expect(await project.read('report/all/1-survival.html')).toContain('1h-mask-overlap could not be drawn: Cannot read');
});

test('a report that cannot be written takes nothing from the summary: 2, and what to do', async () => {
  const project = await SwpProject.create(await smallestStudy());
  await project.write('report', 'in the way');
  const { exitCode, stdout, stderr } = await project.swp('repro', '--json');
  expect(stdout.split('\n').at(-1)).toMatch(
    /^\{"event":"summary","nodes":\{"total":11,"cached":0,"ran":11,"failed":0,"blocked":0\}/,
  );
  expect(stderr).toMatch(
    /^error: Cannot write .+\/report: a part of the path is no folder\.\n {2}The report is written to .+ `swp report` renders it; .+ The results are kept\.$/,
  );
  expect(exitCode).toBe(2);
});

test('before there are results, report says what to do', async () => {
  const project = await SwpProject.create(await smallestStudy());
  const { exitCode, stderr } = await project.swp('report');
  expect(stderr).toBe('error: There are no results of profile "all" yet.\n  Expected: `swp repro` first.');
  expect(exitCode).toBe(2);
});

const EXPERIMENTS = { constructor: {}, toString: { params: { prune: { fraction: 0.2 } } } };

test('with a selector the report shows what there is and lists the rest as missing, but takes no place of one that has more', async () => {
  const study = await smallestStudy();
  const project = await SwpProject.create({
    ...study,
    experiments: EXPERIMENTS,
  });
  const part = await project.swp('repro', '--json', 'experiment=constructor');
  expect(part.json<SwpEvent>().at(-1)).toMatchObject({
    nodes: { total: 11, ran: 11, failed: 0 },
    highlights: { runs: { total: 2, complete: 1, incomplete: 1 } },
  });

  const again = await project.swp('repro', '--json', 'experiment=constructor');
  expect(again.json<SwpEvent>().at(-1)).toMatchObject({ nodes: { total: 11, cached: 11, ran: 0 } });

  const rest = await project.swp('repro', '--json');
  expect(rest.json<SwpEvent>().at(-1)).toMatchObject({
    nodes: { total: 14, cached: 10, ran: 4 },
    highlights: { runs: { complete: 2, incomplete: 0 } },
  });
  expect(rest.stderr).toBe('');
  // Names that every object of JavaScript has are names like any other, in figures too.
  for (const figure of ['1a-survival', '1e-counts'])
    for (const name of ['constructor', 'toString'])
      expect(await project.read(`report/all/figures/${figure}.svg`), figure).toContain(`>${name}<`);

  // All are to be computed anew, and one is: the report of both stays, and is no report of this one.
  const whole = await contentsOf(project, 'report/all');
  await project.write('report/all/notes.txt', 'mine');
  const { params } = study.defaults as { params: Record<string, object> };
  const changed = {
    ...study,
    defaults: { ...(study.defaults as object), params: { ...params, eval: { sequences: 8 } } },
  };
  await project.write('pipeline.json', { ...changed, experiments: EXPERIMENTS });
  const kept = project.path('report/all/index.html');
  const selected = await project.swp('repro', 'experiment=constructor');
  expect(selected.stdout.split('\n').slice(-2)).toEqual([
    `Report: ${project.path('report/all@partial/index.html')}`,
    `It lacks runs that an earlier report has, which stays as it is: ${kept}`,
  ]);
  expect(await project.read('report/all@partial/index.html')).toContain('toString/s0');
  expect((await project.swp('report', '--json')).json()).toEqual([expect.objectContaining({ kept })]);
  expect(await contentsOf(project, 'report/all')).toEqual({ ...whole, 'notes.txt': 'mine' });

  // Another device is another report, also of a run that fails; the same device is not.
  const failed = await project.swp('repro', '--json', '--device', 'cuda', 'experiment=constructor');
  expect([failed.exitCode, failed.json().at(-1)]).toEqual([
    1,
    expect.objectContaining({ report: project.path('report/all@cuda/index.html') }),
  ]);
  expect(await contentsOf(project, 'report/all')).toEqual({ ...whole, 'notes.txt': 'mine' });

  // Elsewhere: not where other things are.
  expect((await project.swp('report', '-o', 'cache')).stderr).toContain('cache is in the cache.');
  expect((await project.swp('report', '-o', '.')).stderr).toContain('holds other things than a report.');
  expect((await project.swp('report', '-o', '-')).stderr).toContain('A report is a folder and no text');
  const both = await project.swp('repro', '--json', '--device', 'cpu');
  expect(both.json().at(-1)).toMatchObject({ report: kept, highlights: { runs: { complete: 2 } } });
  expect((await readdir(project.path('report'))).sort()).toEqual(['all', 'all@cuda']);
  expect(await project.read('report/all/notes.txt')).toBe('mine');
  expect(await project.read('report/all/results.json')).not.toBe(whole['results.json']);
});

async function contentsOf(project: SwpProject, folder: string): Promise<Record<string, string>> {
  const names = await readdir(project.path(folder), { recursive: true, withFileTypes: true });
  const files = names.filter((each) => each.isFile() && each.name !== '.made-of');
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [relative(project.path(folder), path), await readFile(path, 'latin1')] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}
