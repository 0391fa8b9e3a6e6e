/**
 * CUDA, on an NVIDIA GPU: with the driver, cuDNN, and what `swp doctor --install cuda` fetches (docs/devices.md). Not
 * part of any other run of the tests.
 */
import { describe } from 'vitest';
import { describeTrainingOn } from '../compute/training-runs.ts';

describe('CUDA', () => describeTrainingOn('cuda'));
