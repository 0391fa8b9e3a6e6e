/** WebGPU: without a GPU, on SwiftShader, a Vulkan driver in software. */
import { beforeAll, describe } from 'vitest';
import { describeTrainingOn } from '../compute/training-runs.ts';
import { requireWebgpu } from './requirements.ts';

describe('WebGPU', () => {
  beforeAll(requireWebgpu);
  describeTrainingOn('webgpu');
});
