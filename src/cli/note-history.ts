/** Writes down what a run did. */
import { addToHistory, type HistoryNode } from '../cache/run-history.ts';
import { thisProcess } from '../cache/process-identity.ts';
import { studyFolder } from '../cache/study-state.ts';
import type { SwpEvent } from '../engine/event.ts';
import { SwpError, type Failure } from '../engine/failure.ts';
import { gitState } from '../engine/environment.ts';
import { placeOf } from '../engine/place.ts';
import type { RunResult } from '../engine/run.ts';
import type { Project } from './project.ts';

/** Follows a run's events. */
export class HistoryRecorder {
  readonly #startedAt = new Date();
  readonly #nodes: HistoryNode[] = [];

  emit(event: SwpEvent): void {
    if (event.event !== 'node-end' || (event.outcome !== 'ran' && event.outcome !== 'failed')) return;
    const { key, label, outcome, seconds, failure } = event;
    this.#nodes.push({ place: placeOf(label), key, outcome, seconds, ...(failure && { failure }) });
  }

  /** @returns why it could not be written, which costs no result */
  async write({ study, cache }: Project, result: RunResult, selectors: string[]): Promise<Failure | undefined> {
    if (this.#nodes.length === 0) return undefined;
    const { total, cached, ran, failed, blocked, seconds, stopped } = result;
    const { user, host, pid } = thisProcess();
    try {
      await addToHistory(
        studyFolder(cache.directory, study.path),
        {
          version: 1,
          startedAt: this.#startedAt.toISOString(),
          seconds,
          profile: study.profile.name,
          selectors,
          counts: { total, cached, ran, failed, blocked },
          ...(stopped !== undefined && { stopped }),
          user,
          host,
          pid,
          git: await gitState(study.root),
          nodes: this.#nodes,
        },
        cache.scratch,
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
      return error.failure;
    } finally {
      await cache.scratch.clear();
    }
  }
}
