/** Studies for the tests of lint: the committed study's steps, with experiments and a comparison of the test's own. */
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';
import type { LintFinding, LintRule } from '../../src/science/lint/finding.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import committed from '../../pipeline.json' with { type: 'json' };

export type Entry = Record<string, unknown>;

/** The committed study's steps, with the experiments and the comparison of the test. */
export async function studyOf(experiments: Record<string, Entry>, comparison: Entry, more: Entry = {}): Promise<Study> {
  const study = {
    name: 'lint',
    dag: committed.dag,
    defaults: { ...committed.defaults, rounds: 2, seeds: [0, 1, 2, 3, 4, 5] },
    experiments,
    comparisons: [{ name: 'c', question: '?', topic: 'quality', ...comparison }],
    ...more,
  };
  return resolveStudy(parseStudyFile(`${process.cwd()}/pipeline.json`, JSON.stringify(study, null, 2)), {
    loader: StageLoader.installed(),
  });
}

export async function findings(
  experiments: Record<string, Entry>,
  comparison: Entry,
  more?: Entry,
): Promise<LintFinding[]> {
  return lintStudy(declareStudy(await studyOf(experiments, comparison, more)));
}

/** Messages of one rule. */
export async function messages(rule: LintRule, ...study: Parameters<typeof findings>): Promise<string[]> {
  return (await findings(...study)).filter((each) => each.rule === rule).map(({ message }) => message);
}

export const train = (steps: number, more: Entry = {}) => ({ train: { steps, ...more } });
export const prune = (fraction: number, more: Entry = {}) => ({ prune: { fraction, ...more } });
export const TWO_ARMS = { arms: ['A', 'B'] };

/** A with everything that it is read against. */
export const controlled: Record<string, Entry> = {
  A: { params: { ...train(100), ...prune(0.2) } },
  unpruned: { extends: 'A', role: 'positive-control', params: prune(0) },
  crushed: { extends: 'A', role: 'negative-control', perRound: { prune: { fraction: [0.9, 0] } } },
  random: { extends: 'A', params: { prune: { criterion: 'random' } } },
  protected: { extends: 'A', params: { prune: { protect: 'reference' } } },
};
