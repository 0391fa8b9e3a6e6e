/** Follows the events of a run, and writes down in the study's history what it did. */
import { addToHistory, type HistoryEntry, type HistoryEstimate, type HistoryNode } from '../cache/run-history.ts';
import { thisProcess } from '../cache/process-identity.ts';
import { studyFolder } from '../cache/study-state.ts';
import type { SwpEvent } from '../engine/event.ts';
import type { Failure } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import { gitState } from '../engine/environment.ts';
import { placeOf } from '../engine/stage.ts';
import type { RunResult } from '../engine/run.ts';
import type { Project } from './project.ts';

export class HistoryRecorder {
  readonly #startedAt = new Date();
  readonly #nodes: HistoryNode[] = [];
  /** Stage by stage, the workers that have begun one. */
  readonly #opened = new Set<string>();
  readonly #first = new Set<string>();

  emit(event: SwpEvent): void {
    if (event.event === 'node-start' && event.worker !== undefined) {
      const place = `${event.worker} ${event.stage}`;
      if (!this.#opened.has(place)) this.#first.add(event.key);
      this.#opened.add(place);
    }
    if (event.event !== 'node-end' || (event.outcome !== 'ran' && event.outcome !== 'failed')) return;
    const { key, stage, label, outcome, seconds, failure } = event;
    this.#nodes.push({
      place: placeOf(label),
      key,
      stage,
      outcome,
      seconds,
      ...(this.#first.has(key) && { first: true }),
      ...(failure && { failure }),
    });
  }

  /**
   * @param more.estimate what the run was expected to take
   * @param more.waited seconds that the person waited for all of it
   * @returns the entry, if there was anything to tell; why it could not be written, which costs no result
   */
  async write(
    { study, cache }: Project,
    result: RunResult,
    selectors: string[],
    more: { estimate?: HistoryEstimate; waited: number },
  ): Promise<{ entry?: HistoryEntry; failure?: Failure }> {
    if (this.#nodes.length === 0) return {};
    const { total, cached, ran, failed, blocked, seconds, stopped } = result;
    const { user, host, pid } = thisProcess();
    const entry: HistoryEntry = {
      startedAt: this.#startedAt.toISOString(),
      seconds,
      ...more,
      profile: study.profile.name,
      selectors,
      counts: { total, cached, ran, failed, blocked },
      ...(stopped !== undefined && { stopped }),
      user,
      host,
      pid,
      git: await gitState(study.root),
      nodes: this.#nodes,
    };
    try {
      await addToHistory(studyFolder(cache.directory, study.path), entry, cache.scratch);
      return { entry };
    } catch (error) {
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      return { entry, failure };
    } finally {
      await cache.scratch.clear().catch(() => {}); // what stays there is swept by the next run
    }
  }
}
