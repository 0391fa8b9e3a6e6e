/** The DAG as a page. In a browser: tests/real. */
import { expect, test } from 'vitest';
import { dagPage } from '../../src/report/dag-page/page.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

test('a page goes beside the report, or where one says; it is whole by itself', async () => {
  const project = await SwpProject.create(tinyStudy());
  const { stdout } = await project.swp('dag', '--format', 'html');
  expect(stdout).toBe(project.path('report/all/dag.html'));
  const html = await project.read('report/all/dag.html');
  expect(html).not.toMatch(/(src|href)="?https?:/);
  expect((await project.swp('dag', '--format', 'html', '-o', '-')).stdout).toContain('<!doctype html>');
  await project.write('page', '');
  expect((await project.swp('dag', '--format', 'html', '-o', 'page/dag.html')).stderr).toContain('error: Cannot write');
});

test('names and values that look like markup stay what they are', () => {
  const hostile = '</script><script>alert(1)</script>';
  const html = dagPage({
    study: hostile,
    profile: hostile,
    nodes: [
      {
        key: hostile,
        stage: hostile,
        step: hostile,
        round: 1,
        runs: [hostile],
        state: 'cached',
        reason: hostile,
        inputs: [],
        params: { hostile },
        metrics: {},
        artifacts: [],
      },
    ],
  });
  expect(html).not.toContain(hostile);
  expect(html.match(/<script/g)).toHaveLength(2);
});
