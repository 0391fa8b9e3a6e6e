/**
 * PyTorch as a peer of the benchmark: a Python process (bench/pytorch/peer.py) that runs the same model, and is
 * told when to. It inherits this process's CPU affinity.
 */
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../src/base/package-root.ts';
import type { BenchModel } from './models.ts';

const SCRIPT = join(packageRoot, 'bench/pytorch/peer.py');

/** What a process does over and over: a training step, or a forward pass with losses and predictions. */
export type Work = 'training' | 'forward';

export interface PyTorchSettings {
  variant: 'eager' | 'compile';
  work?: Work;
  /** Whether half of the block matrices is masked while it trains; true by default. */
  masked?: boolean;
  /** `own`, the default, is bench/pytorch/decoders.py; the other one is Hugging Face's, for Llama-like models. */
  model?: 'own' | 'transformers';
  /** The faster one by default. */
  attention?: string;
}

export interface UnitTimes {
  /** Mean per unit, by the clock and of the processor. */
  milliseconds: number;
  cpuMilliseconds: number;
}

export interface PyTorchPeer {
  /** Versions and settings. */
  readonly description: string;
  /** The kind of attention that it computes with. */
  readonly attention: string;
  /** Milliseconds of the processor of the best of some units that it has tried. */
  readonly probed: number;
  /** Does the work so many times more. */
  times(units: number): Promise<UnitTimes>;
  /** Largest resident size of the process so far, in bytes. */
  readonly peakBytes: number;
  close(): Promise<void>;
}

/**
 * The path of a Python that can import torch: the one that SWP_BENCH_PYTHON names, else `python3`.
 * @returns undefined if `python3` has no torch
 * @throws Error if SWP_BENCH_PYTHON is set and has none
 */
export async function findPyTorch(): Promise<string | undefined> {
  const named = process.env.SWP_BENCH_PYTHON;
  const { failed, stdout, stderr } = await execa(
    named ?? 'python3',
    ['-c', 'import sys, torch; print(sys.executable)'],
    { reject: false },
  );
  if (!failed) return stdout.trim();
  if (named !== undefined) throw new Error(`SWP_BENCH_PYTHON is ${named}, which cannot import torch.\n${stderr}`);
  return undefined;
}

/**
 * Starts a peer and waits until the model is built, compiled if asked for, and its settings have been chosen.
 * @throws Error with what Python wrote if it fails, then or later
 */
export async function openPyTorch(
  python: string,
  { config, shape }: BenchModel,
  settings: PyTorchSettings,
): Promise<PyTorchPeer> {
  const child = execa(python, [SCRIPT], { reject: false, buffer: { stdout: false } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <Reply>(request: object): Promise<Reply> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await lines.next();
    if (!line.done) return JSON.parse(line.value) as Reply;
    const { stderr, shortMessage } = await child;
    throw new Error(`PyTorch's process ended: ${shortMessage ?? 'without an error'}\n${stderr}`);
  };
  const opened = await ask<{ description: string; attention: string; probed: number }>({
    config,
    ...shape,
    ...settings,
  });
  let peakBytes = 0;
  return {
    ...opened,
    async times(units) {
      const reply = await ask<UnitTimes & { peakBytes: number }>({ units });
      peakBytes = reply.peakBytes;
      return reply;
    },
    get peakBytes() {
      return peakBytes;
    },
    async close() {
      child.stdin.end();
      await child;
    },
  };
}
