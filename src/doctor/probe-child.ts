/**
 * The process in which one target is tried: `probe.js ENGINE DEVICE PRECISION`. A native library that crashes or hangs
 * takes this process with it and nothing else.
 */
import { openExact } from '../compute/runtimes/exact/exact-runtime.ts';
import { generatorNamed, generatorsHere } from '../compute/runtimes/exact/generators.ts';
import { openSession } from '../compute/runtimes/open-session.ts';
import { flushesSubnormals, measureGemm, probeTarget } from '../compute/runtimes/probe.ts';
import { UnavailableTarget, type ExecutionTarget } from '../compute/runtimes/runtime.ts';
import type { GeneratorSpeed, ProbeMessage } from './probe-message.ts';

/** The speed test takes no longer. */
const GEMM_SECONDS = 0.6;

const [engine, device, precision] = process.argv.slice(2) as [
  ExecutionTarget['engine'],
  ExecutionTarget['device'],
  ExecutionTarget['precision'],
];

process.on('disconnect', () => process.exit(0)); // the doctor is gone
process.send!(await probe({ engine, device, precision }), () => process.exit(0));

async function probe(target: ExecutionTarget): Promise<ProbeMessage> {
  try {
    const result = await probeTarget(target);
    if (target.engine === 'exact') return { kind: 'ran', ...result, generators: await generatorSpeeds() };
    if (target.engine !== 'onnx' || target.device !== 'cpu') return { kind: 'ran', ...result };
    return {
      kind: 'ran',
      ...result,
      gemmGflops: await measureGemm((graph) => openSession(graph, target), GEMM_SECONDS),
      flushesSubnormals: await flushesSubnormals(target),
    };
  } catch (error) {
    if (error instanceof UnavailableTarget)
      return { kind: 'unavailable', message: error.message, remedy: error.remedy };
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}

/** What each way to execute the exact engine's programs reaches here, the fastest first: they give the same bits. */
async function generatorSpeeds(): Promise<GeneratorSpeed[]> {
  const speeds: GeneratorSpeed[] = [];
  for (const each of generatorsHere().toReversed()) {
    const generator = generatorNamed(each);
    const gemmGflops = await measureGemm((graph) => openExact(graph, generator), GEMM_SECONDS / 2);
    speeds.push({ name: generator.name, gemmGflops });
  }
  return speeds;
}
