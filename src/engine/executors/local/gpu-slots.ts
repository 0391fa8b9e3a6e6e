/**
 * GPUs as slots: one node has one to itself, among all processes of this machine that use swp. A GPU on which another
 * program computes is left alone until it is free.
 */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeOpenDirectory } from '../../../base/atomic-file.ts';
import { guardFolder } from '../../../base/held-folder.ts';
import { LeaseFolder } from '../../../cache/lease-files.ts';
import { LeaseStore, type Lease } from '../../../cache/lease-store.ts';
import { Scratch } from '../../../cache/scratch.ts';
import { systemClock, type Clock } from '../../../base/clock.ts';
import { SwpError } from '../../../base/failure.ts';
import { queryGpus, type Gpu, type GpuQuery } from '../../../base/nvidia-smi.ts';

/** `auto`: any that CUDA_VISIBLE_DEVICES leaves; or indices and UUIDs. */
export type GpuChoice = 'auto' | 'none' | readonly string[];

/** A GPU that a node has to itself. */
export interface GpuGrant {
  gpu: Gpu;
  /** What the worker's environment must have. */
  env: Record<string, string>;
  release(): void;
}

export interface GpuSlotsOptions {
  choice: GpuChoice;
  /** Where hosts keep their leases; one folder for all users. */
  folder?: string;
  clock?: Clock;
  env?: NodeJS.ProcessEnv;
}

/** A desktop and the driver take some hundred MiB. Containers hide other processes, but not their memory. */
const FREE_BELOW_MIB = 600;
const LOOK_EVERY_MS = 3_000;

export class GpuSlots {
  readonly #choice: GpuChoice;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #env: NodeJS.ProcessEnv;
  readonly #held = new Set<string>();
  #leases: LeaseStore | undefined;
  #scratch: Scratch | undefined;
  #looking: Promise<GpuQuery> | undefined;

  constructor({
    choice,
    folder = join(tmpdir(), 'swp-gpus'),
    clock = systemClock,
    env = process.env,
  }: GpuSlotsOptions) {
    this.#choice = choice;
    this.#folder = folder;
    this.#clock = clock;
    this.#env = env;
  }

  /**
   * Waits until a GPU is free, and takes it.
   * @param waiting is told once if there is none yet
   * @returns undefined if the signal was aborted meanwhile
   * @throws SwpError of kind `unavailable` if there is none that could ever be had
   */
  async acquire(place: string, waiting: (gpus: Gpu[]) => void, signal: AbortSignal): Promise<GpuGrant | undefined> {
    for (let told = false; !signal.aborted;) {
      const usable = await this.#usable();
      if (signal.aborted) break; // a lease taken now would be left behind
      const grant = await this.#takeOne(usable, place);
      if (grant !== undefined) return grant;
      if (!told) waiting(usable);
      told = true;
      await this.#clock.sleep(LOOK_EVERY_MS, signal);
    }
    return undefined;
  }

  /**
   * Takes a GPU if one is free now.
   * @throws SwpError of kind `unavailable` if there is none that could ever be had
   */
  async tryAcquire(place: string): Promise<GpuGrant | undefined> {
    return this.#takeOne(await this.#usable(), place);
  }

  async close(): Promise<void> {
    this.#leases?.close();
    await this.#scratch?.clear();
  }

  async #takeOne(usable: readonly Gpu[], place: string): Promise<GpuGrant | undefined> {
    for (const gpu of usable.filter((each) => isFree(each) && !this.#held.has(each.uuid))) {
      const lease = await this.#lease(gpu, place);
      if (lease !== undefined) return this.#grant(gpu, lease);
    }
    return undefined;
  }

  #grant(gpu: Gpu, lease: Lease): GpuGrant {
    this.#held.add(gpu.uuid);
    return {
      gpu,
      env: { CUDA_VISIBLE_DEVICES: gpu.uuid, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
      release: () => {
        this.#held.delete(gpu.uuid);
        lease.release();
      },
    };
  }

  async #usable(): Promise<Gpu[]> {
    const refuse = (message: string, remedy: string) =>
      new SwpError({ kind: 'unavailable', what: 'a node on a GPU', message, remedy });
    if (this.#choice === 'none') throw refuse('--gpus none was given', 'Leave it out, or run with --device cpu.');
    const found = await this.#query();
    if (found.kind === 'failed')
      throw refuse(found.message, 'Run nvidia-smi by hand; mostly the driver has to be loaded anew.');
    const all = found.kind === 'absent' ? [] : found.gpus;
    if (all.length === 0)
      throw refuse(
        'nvidia-smi finds no GPU',
        'Run on a machine with an NVIDIA GPU and its driver, or with --device cpu.',
      );
    const visible = visibleGpus(all, this.#env.CUDA_VISIBLE_DEVICES);
    if (visible.length === 0)
      throw refuse(
        `CUDA_VISIBLE_DEVICES="${this.#env.CUDA_VISIBLE_DEVICES}" leaves no GPU`,
        `Name one of ${all.map(({ index }) => index).join(', ')} in it.`,
      );
    if (this.#choice === 'auto') return visible;
    const chosen = this.#choice.map((name) => {
      const found = visible.find(({ index, uuid }) => String(index) === name || uuid === name);
      if (found === undefined)
        throw refuse(
          `--gpus names ${name}, which is not there`,
          `There are ${visible.map(({ index, name: model }) => `${index} (${model})`).join(', ')}.`,
        );
      return found;
    });
    return [...new Set(chosen)];
  }

  /** Nodes that wait at the same time look together. */
  #query(): Promise<GpuQuery> {
    this.#looking ??= queryGpus(this.#env).finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lease(gpu: Gpu, place: string): Promise<Lease | undefined> {
    guardFolder(dirname(this.#folder)); // the folder itself may be a link of somebody else
    makeOpenDirectory(this.#folder); // every user of the host leaves leases here
    this.#scratch ??= new Scratch(join(this.#folder, 'tmp'), makeOpenDirectory);
    this.#leases ??= new LeaseStore(new LeaseFolder(join(this.#folder, 'leases'), this.#scratch, makeOpenDirectory));
    const name = createHash('sha256').update(gpu.uuid).digest('hex');
    const acquisition = await this.#leases.acquire(name, place);
    return acquisition.kind === 'held' ? acquisition.lease : undefined;
  }
}

/** Nobody computes on it, as far as one can see. */
export function isFree({ processes, usedMemory }: Gpu): boolean {
  return processes === 0 && (usedMemory ?? 0) < FREE_BELOW_MIB;
}

/**
 * Those that CUDA would see: indices, UUIDs or their beginnings; what comes after an entry that means none is not seen.
 * https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#env-vars
 */
export function visibleGpus(gpus: readonly Gpu[], variable: string | undefined): Gpu[] {
  if (variable === undefined) return [...gpus];
  const visible: Gpu[] = [];
  for (const entry of variable.split(',').map((part) => part.trim())) {
    const found = gpus.find(({ index, uuid }) =>
      /^\d+$/.test(entry) ? index === Number(entry) : entry !== '' && uuid.startsWith(entry),
    );
    if (found === undefined) break;
    if (!visible.includes(found)) visible.push(found);
  }
  return visible;
}
