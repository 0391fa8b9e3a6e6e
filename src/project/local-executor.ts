/** Executors of this machine, and what is recorded of where nodes run. */
import { recordedVersions } from '../compute/runtimes/recorded-versions.ts';
import { isOutOfDeviceMemory } from '../compute/runtimes/out-of-memory.ts';
import { workerEnvironment } from '../compute/runtimes/worker-environment.ts';
import { collectEnvironment } from '../engine/environment.ts';
import type { Executor, Slot } from '../engine/executor.ts';
import { GpuSlots, type GpuChoice } from '../engine/executors/local/gpu-slots.ts';
import { LocalExecutor, type LocalExecutorOptions } from '../engine/executors/local/local-executor.ts';
import type { JsonObject } from '../base/json.ts';

/**
 * Whoever makes one closes it.
 * @param options.jobs nodes at a time, at least 1
 * @param options.gpus GPUs for nodes that need one; `auto` if absent
 * @param options.memory bytes that nodes may take together; the machine's if absent
 * @param options.graceMs how long a node may take to keep its state when it is stopped
 */
export function localExecutor({
  gpus = 'auto',
  ...options
}: Pick<LocalExecutorOptions, 'jobs' | 'memory' | 'graceMs'> & { gpus?: GpuChoice }): Executor<Slot> {
  return new LocalExecutor({
    ...options,
    gpus: new GpuSlots({ choice: gpus }),
    environment: workerEnvironment(process.env),
    isOutOfDeviceMemory,
  });
}

/**
 * Where and with what nodes of a project run, as their records keep it.
 * @param root the project's root: its git commit is part of it
 */
export function nodeEnvironment(root: string): Promise<JsonObject> {
  return collectEnvironment(root, recordedVersions());
}
