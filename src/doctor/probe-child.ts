/**
 * The process in which one target is tried: `probe.js ENGINE DEVICE PRECISION`. A native library that crashes or hangs
 * takes this process with it and nothing else.
 */
import { flushesSubnormals, measureGemm, probeTarget } from '../compute/runtimes/probe.ts';
import { UnavailableTarget, type ExecutionTarget } from '../compute/runtimes/runtime.ts';
import type { ProbeMessage } from './probe-message.ts';

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
    if (target.engine !== 'onnx' || target.device !== 'cpu') return { kind: 'ran', ...result };
    return {
      kind: 'ran',
      ...result,
      gemmGflops: await measureGemm(target, GEMM_SECONDS),
      flushesSubnormals: await flushesSubnormals(target),
    };
  } catch (error) {
    if (error instanceof UnavailableTarget)
      return { kind: 'unavailable', message: error.message, remedy: error.remedy };
    return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
  }
}
