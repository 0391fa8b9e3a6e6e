/**
 * swp's own engine as a peer of the benchmarks: a process, started as workers of a study are, that does training steps
 * or forward passes when it is told to. The program of the benchmark is its program, too: `isOwnPeer` says which it is.
 */
import { spawn, spawnSync } from 'node:child_process';
import { on } from 'node:events';
import { workerEnvironment } from '../src/compute/runtimes/worker-environment.ts';
import type { GeneratorName } from '../src/compute/runtimes/exact/generators.ts';
import type { Engine } from '../src/compute/runtimes/runtime.ts';
import type { BenchModel } from './models.ts';
import { openForward } from './open-forward.ts';
import { openTrainer } from './open-trainer.ts';
import type { UnitTimes, Work } from './pytorch-peer.ts';

export interface OwnTimes extends UnitTimes {
  /** Resident size after a garbage collection, and the largest so far. */
  bytes: number;
  peakBytes: number;
}

export interface OwnPeer {
  /** Does the work so many times more. */
  times(units: number): Promise<OwnTimes>;
  close(): Promise<void>;
}

interface OwnSettings {
  /** Training by default. */
  work?: Work;
  /** To which the process is pinned, where there is a taskset; by default it may run where this one may. */
  core?: number;
  /** Whether half of the block matrices is masked while it trains; true by default. */
  masked?: boolean;
  /** onnx by default. */
  engine?: Engine;
  /** What executes the exact engine's programs; the fastest that there is by default. */
  generator?: GeneratorName;
}

/** Whether this process is a peer, and has to call serveOwn. */
export const isOwnPeer = process.send !== undefined;

/** Starts a peer and waits until the model is there. @throws Error if the process ends, then or later */
export async function openOwn(model: BenchModel, { core, generator, ...settings }: OwnSettings = {}): Promise<OwnPeer> {
  const command = [process.execPath, '--expose-gc', process.argv[1]!];
  const [file, ...parameters] = (
    core !== undefined && hasTaskset() ? ['taskset', '-c', String(core), ...command] : command
  ) as [string, ...string[]];
  const env = {
    ...process.env,
    ...workerEnvironment(process.env),
    ...(generator !== undefined && { SWP_EXACT_CODE: generator }),
  };
  const child = spawn(file, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env });
  const replies = on(child, 'message', { close: ['exit'] });
  const ask = async (message: object): Promise<OwnTimes> => {
    child.send(message);
    const { value, done } = await replies.next();
    if (done) throw new Error(`A process of the benchmark ended with ${child.exitCode ?? child.signalCode}.`);
    return (value as [OwnTimes])[0];
  };
  await ask({ model, ...settings });
  return {
    times: (units) => ask({ units }),
    async close() {
      child.disconnect();
      await replies.next(); // it ends
    },
  };
}

/** The process of a peer: opens the model that it is first told, and then does the work again and again. */
export async function serveOwn(): Promise<void> {
  let unit: (() => Promise<unknown>) | undefined;
  process.on('message', async (message: { units: number } | ({ model: BenchModel } & OwnSettings)) => {
    if ('model' in message) {
      const { model, work = 'training', masked, engine } = message;
      unit = work === 'training' ? await openTrainer(model, { masked, engine }) : openForward(model, engine);
      return reply(0, 0);
    }
    const { units } = message;
    const [start, cpuStart] = [performance.now(), process.cpuUsage()];
    for (let index = 0; index < units; index++) await unit!();
    const { user, system } = process.cpuUsage(cpuStart);
    reply((performance.now() - start) / units, (user + system) / 1000 / units);
  });
}

function reply(milliseconds: number, cpuMilliseconds: number): void {
  globalThis.gc!();
  const answered: OwnTimes = {
    milliseconds,
    cpuMilliseconds,
    bytes: process.memoryUsage.rss(),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.send!(answered);
}

function hasTaskset(): boolean {
  return spawnSync('taskset', ['-V']).error === undefined;
}
