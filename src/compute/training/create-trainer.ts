/** Makes the trainer for a target: on ONNX Runtime's devices the device trainer, everywhere else the host trainer. */
import type { ExecutionTarget } from '../runtimes/runtime.ts';
import { buildTrainingStepProgram, DeviceTrainer } from './device-trainer.ts';
import type { Trainer, TrainingGraph } from './trainer.ts';
import { HostTrainer } from './host-trainer.ts';

/**
 * @param training of one micro-batch
 * @param kernelFile path of optimizer.wasm as built by build/build.js
 * @param microBatches per training step: the gradients are their mean
 * @throws UnavailableTarget if this machine cannot execute graphs that way
 */
export async function createTrainer(
  training: TrainingGraph,
  target: ExecutionTarget,
  kernelFile: string | URL,
  microBatches: number,
): Promise<Trainer> {
  if (target.engine !== 'onnx' || target.device === 'cpu')
    return HostTrainer.create(training, target, kernelFile, microBatches);
  const { openTrainingStepRunner } = await import('../runtimes/onnx/training-step-runner.ts');
  const runner = await openTrainingStepRunner(buildTrainingStepProgram(training, microBatches), target);
  try {
    return new DeviceTrainer(training, runner);
  } catch (error) {
    await runner.release(); // the parameters may be too large for the host's memory
    throw error;
  }
}
