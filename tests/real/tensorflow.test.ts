/** The tensorflow engine on libtensorflow: the tests that every runtime must pass, and those of the engine itself. */
import { beforeAll } from 'vitest';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET, type ExecutionTarget } from '../../src/compute/runtimes/runtime.ts';
import { openNativeBackend } from '../../src/compute/runtimes/tensorflow/native-backend.ts';
import { describeRuntime } from '../compute/runtime-contract.ts';
import { describeTensorflow } from '../compute/tensorflow-contract.ts';
import { requireTensorflow } from './requirements.ts';

const TARGET: ExecutionTarget = { ...CPU_TARGET, engine: 'tensorflow' };

beforeAll(requireTensorflow);
describeRuntime('tensorflow on libtensorflow', (graph) => openSession(graph, TARGET));
describeTensorflow('tensorflow on libtensorflow', () => openNativeBackend(TARGET));
