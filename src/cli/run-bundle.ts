/** Runs the study of an unpacked bundle, to compare what comes of it with what is bundled. */
import type { OpenBundle } from '../bundle/verify.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import { usableCpus } from '../base/usable-cpus.ts';
import { placeOf } from '../engine/stage.ts';
import { run } from '../engine/run.ts';
import { openPlainView } from './plain-view.ts';
import { openProject, planProject, selectPlanned } from '../project/project.ts';
import { RunState } from '../project/run-state.ts';
import { resultsKey } from '../project/study-report.ts';
import type { Terminal } from './terminal.ts';
import { TimeLeft } from '../project/time-left.ts';

export interface BundledRun {
  /** Selectors; none for the whole study. */
  words: string[];
  /** Absolute path of the cache to run in. */
  cache: string;
  jobs: number | undefined;
  json: boolean;
  terminal: Terminal;
}

/** @returns records by place; of a failed node there is none */
export async function runBundledStudy(
  { folder, verified }: OpenBundle,
  { words, cache: directory, jobs = usableCpus(), json, terminal }: BundledRun,
): Promise<{ made: Map<string, CacheRecord>; cache: Cache }> {
  const { profile, overrides } = verified.manifest.study;
  const isNamed = profile !== 'all';
  const device = overrides.device;
  const project = await openProject({
    pipeline: `${folder}/pipeline.json`,
    cache: directory,
    ...(isNamed && { profile }),
    ...(typeof device === 'string' && { device }),
  });
  const { dag, cache, state, stages, study } = project;
  const planned = await planProject(project);
  const targets = words.length === 0 ? undefined : selectPlanned(planned, words).map(({ node }) => node.key);
  const key = resultsKey(project);
  const wanted =
    targets === undefined ? {} : { targets, ...(key !== undefined && targets.includes(key) && { gather: [key] }) };
  const toStandardError: Terminal = { ...terminal, line: (text = '') => terminal.errorLine(text) };
  const view = json
    ? undefined
    : openPlainView({ terminal: toStandardError, state: new RunState(new TimeLeft(planned, jobs)), verbose: false });
  try {
    const result = await run({
      dag,
      cache,
      study: state,
      stages,
      jobs,
      emit: (event) => view?.emit(event),
      signal: new AbortController().signal,
      plan: planned,
      root: study.root,
      ...wanted,
    });
    const made = new Map<string, CacheRecord>();
    for (const [key, record] of result.records)
      for (const label of dag.getNodeAttributes(key).labels) made.set(placeOf(label), record);
    return { made, cache };
  } finally {
    view?.close();
  }
}
