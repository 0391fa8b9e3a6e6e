/**
 * The runtimes that need nothing but what npm installs. libtensorflow passes the same tests in tests/real. A new
 * runtime is one more line here.
 */
import { packageRuntime } from '../../src/compute/runtimes/onnx/onnx-runtime.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { javascriptRuntime } from './javascript-tensorflow.ts';
import { referenceRuntime } from './reference-session.ts';
import { describeRuntime } from './runtime-contract.ts';

describeRuntime('onnx on the CPU', (graph) => openSession(graph, CPU_TARGET));
describeRuntime("onnx on the CPU through the package's interface", (graph) => packageRuntime.open(graph, CPU_TARGET));
describeRuntime('exact', (graph) => openSession(graph, { ...CPU_TARGET, engine: 'exact' }));
describeRuntime('tensorflow in JavaScript', (graph) =>
  javascriptRuntime.open(graph, { ...CPU_TARGET, engine: 'tensorflow' }),
);
describeRuntime('reference', (graph) => referenceRuntime.open(graph, CPU_TARGET));
