/** A study of a model on a text, by the standard DAG: from the checkpoint to the report, the same wherever it lies. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { TEXT, TINY } from './tiny-model.ts';

/** Each experiment has next to no work, in one round. */
function studyOf(more: { defaults?: object; [name: string]: unknown } = {}): object {
  return {
    name: 'tiny-text',
    dag: 'standard',
    experiments: { A1: {} },
    ...more,
    defaults: {
      model: './tiny',
      corpus: { text: './tiny/text.txt' },
      rounds: 1,
      params: {
        train: { steps: 3, batchSize: 2 },
        eval: { sequences: 16, batchSize: 16 },
        'detect-sw': { candidateSequences: 4, causalSequences: 8, batchSize: 8, controlsPerKind: 1, rescans: 0 },
        prune: { fraction: 0.1 },
      },
      ...more.defaults,
    },
  };
}

async function projectWith(study: object): Promise<SwpProject> {
  const project = await SwpProject.create(study);
  await cp(TINY, project.path('tiny'), { recursive: true });
  return project;
}

interface Shown {
  nodes: { step: string; metrics: Record<string, unknown> }[];
}

test('runs from its checkpoint to the report', async () => {
  const project = await projectWith(studyOf());
  const run = await project.swp('repro');
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toContain('1 run, 1 complete');
  const [{ nodes }] = (await project.swp('show', 'experiment=A1', '--json')).json<Shown>() as [Shown];
  const metricsOf = (step: string) => nodes.find((node) => node.step === step)!.metrics;
  expect(metricsOf('load').sampleLoss).toBeLessThan(5);
  expect(metricsOf('eval-start').loss).toBeCloseTo(4.2, 0);
  expect(Object.keys(metricsOf('eval-start')).sort()).toEqual(['loss', 'perplexity', 'sparsity', 'standardError']);

  // Of a text there is no floor and nothing to retrieve: the report has no columns of dashes for them.
  const [page, runs] = [await project.read('report/all/index.html'), await project.read('report/all/runs.csv')];
  expect(`${page}\n${runs}`).not.toMatch(/retrieval|floor|excess/i);
  expect(page).toContain('in parts that share no token: calibration 0.05');

  // Neither where the text lies nor what it is called is in a key.
  const copy = await projectWith(studyOf({ defaults: { corpus: { text: './text.txt' } } }));
  await cp(TEXT, copy.path('text.txt'));
  const keysOf = async (of: SwpProject, ...args: string[]) =>
    (await of.swp('status', '--json', ...args))
      .json<{ nodes: { key: string; state: string; step: string }[] }>()[0]!
      .nodes.map(({ key, state, step }) => `${step} ${key} ${state}`)
      .sort();
  expect(await keysOf(copy, '--cache', project.path('cache'))).toEqual(await keysOf(project));
  await copy.write('text.txt', 'Call me Ishmael.');
  const changed = await keysOf(copy, '--cache', project.path('cache'));
  expect(changed.filter((line) => line.endsWith(' cached'))).toEqual([]);
});

test('mistakes are told at their place', async () => {
  const mistake = async (study: object) => {
    const { exitCode, stderr } = await (await projectWith(study)).swp('status');
    expect(exitCode).toBe(2);
    return stderr;
  };
  expect(await mistake(studyOf({ defaults: { corpus: null } }))).toMatch(
    /"model": ".\/tiny"[^]*Expected: "corpus": { "text": "FILE" } beside "model"/,
  );
  const others = await mistake(
    studyOf({
      experiments: {
        A1: { model: 'marker-retrieval' },
        A2: { corpus: { text: 'a.jsonl' } },
        A3: { params: { tokenize: { evaluation: 0.9 } } },
      },
    }),
  );
  const unread = { dag: [{ step: 'init', stage: 'init' }] };
  expect(await mistake(studyOf(unread))).toContain('No step of the DAG reads a text.');
  expect(others).toContain('A text is declared, and marker-retrieval is made for the built-in language');
  expect(others).toContain('"a.jsonl" is JSON Lines by its name, and no field of its lines is named');
  expect(others).toContain('The shares of calibration, candidates, causal and evaluation come to 1.05');
});

test('a text that is not there blocks what needs it, and says what to do', async () => {
  const { exitCode, stdout } = await (
    await projectWith(studyOf({ defaults: { corpus: { text: 'whale.txt' } } }))
  ).swp('status');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('whale.txt');
  expect(stdout).toContain('Put the text there, or name another one ("corpus" in pipeline.json, or --text).');
});
