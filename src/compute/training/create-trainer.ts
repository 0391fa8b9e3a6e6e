/** Makes the trainer that a target calls for. */
import type { ExecutionTarget } from '../runtimes/runtime.ts';
import { buildStepProgram, DeviceTrainer } from './device-trainer.ts';
import type { StepTrainer, TrainingGraph } from './step-trainer.ts';
import { Trainer } from './trainer.ts';

/**
 * @param training of one micro-batch
 * @param kernelFile path of optimizer.wasm as built by build/build.js
 * @param microBatches per step: the gradients are their mean
 * @throws UnavailableTarget if this machine cannot execute graphs that way
 */
export async function createTrainer(
  training: TrainingGraph,
  target: ExecutionTarget,
  kernelFile: string | URL,
  microBatches: number,
): Promise<StepTrainer> {
  if (target.engine !== 'onnx' || target.device === 'cpu')
    return Trainer.create(training, target, kernelFile, microBatches);
  const { openStepRunner } = await import('../runtimes/onnx/step-runner.ts');
  return new DeviceTrainer(training, await openStepRunner(buildStepProgram(training, microBatches), target));
}
