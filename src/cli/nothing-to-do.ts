/**
 * What `swp repro` says when everything is there: the same words and events as after a plan that found nothing to do.
 */
import { join } from 'node:path';
import { ArtifactStore } from '../cache/artifact-store.ts';
import type { Cache } from '../cache/cache.ts';
import type { SwpEvent } from '../engine/event.ts';
import { EXIT_CODE, exitCodeOf } from './exit-code.ts';
import { locate, type ProjectOptions } from '../project/location.ts';
import { renderOrExplain, type ReportedProject } from '../project/study-report.ts';
import { plural } from './study-text.ts';
import { writeSummary } from './summary-text.ts';
import type { Terminal } from './terminal.ts';
import type { UpToDate } from '../project/up-to-date.ts';

/** @returns the exit code */
export async function sayUpToDate(
  { total, root, profile, study, results }: UpToDate,
  options: ProjectOptions & { dryRun?: boolean },
  terminal: Terminal,
): Promise<number> {
  const plan: SwpEvent = { event: 'plan', nodes: { total, cached: total, toRun: 0 }, stages: {} };
  if (options.dryRun) {
    if (options.json) terminal.line(JSON.stringify({ ...plan, lengths: [], toRun: [] }));
    else {
      terminal.line(study);
      terminal.line(`Nothing to do: all ${plural(total, 'node')} are cached.`);
    }
    return EXIT_CODE.ok;
  }
  if (options.json) terminal.line(JSON.stringify(plan));
  else if (!terminal.interactive) terminal.line(`${plural(total, 'node')}: ${total} cached, 0 to run.`);
  const { report, failure } =
    results === null
      ? {}
      : await renderOrExplain(
          { cache: artifactsOf(options), study: { root, profile: { name: profile } } },
          { artifacts: results },
        );
  const summary: Extract<SwpEvent, { event: 'summary' }> = {
    event: 'summary',
    nodes: { total, cached: total, ran: 0, failed: 0, blocked: 0 },
    seconds: performance.now() / 1000,
    ...(report !== undefined && { report: report.html, highlights: report.highlights }),
  };
  if (options.json) terminal.line(JSON.stringify(summary));
  else await writeSummary({ summary, result: { failures: [] }, report, terminal });
  if (failure === undefined) return EXIT_CODE.ok;
  const { failureText } = await import('./failure-text.ts');
  terminal.errorLine(failureText(failure, terminal.colors));
  return exitCodeOf(failure);
}

/** All that a report asks of a cache; what it takes to read records only if it is to be rendered. */
function artifactsOf(options: ProjectOptions): ReportedProject['cache'] {
  const directory = locate(options).cache;
  const store = new ArtifactStore(join(directory, 'artifacts'));
  let cache: Promise<Cache> | undefined;
  const whole = () => (cache ??= import('../cache/cache.ts').then(({ Cache }) => Cache.open(directory)));
  return {
    verify: (artifact) => store.verify(artifact),
    artifactPath: (artifact) => store.path(artifact),
    record: async (key) => (await whole()).record(key),
  };
}
