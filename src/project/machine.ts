/** What works on this machine, and how to add what can be fetched. */
import { examine, type DoctorFindings } from '../doctor/examine.ts';
import { installCudaProvider } from '../doctor/install-cuda.ts';
import { installTensorflow } from '../doctor/install-tensorflow.ts';
import { cacheFolder, type ProjectOptions } from './location.ts';

const INSTALLERS = { cuda: installCudaProvider, tensorflow: installTensorflow };

/** @param log is told what is done, line by line */
export async function installPart(part: keyof typeof INSTALLERS, log: (line: string) => void): Promise<void> {
  await INSTALLERS[part](log);
}

/** Tries every engine on every device. */
export function examineMachine(options: ProjectOptions): Promise<DoctorFindings> {
  return examine(cacheFolder(options));
}
