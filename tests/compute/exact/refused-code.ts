/**
 * Asks for machine code after the process has given up executable memory, which Linux lets it do from 6.3 on; an older
 * one does not know the request. A program of its own: there is no way back.
 */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import type { InstructionSet } from '../../../src/compute/runtimes/exact/x86/processor.ts';
import { x86Generator } from '../../../src/compute/runtimes/exact/x86/x86-generator.ts';

const SET_DENY_WRITE_EXECUTE = 65;
const REFUSE_EXEC_GAIN = 1;

const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
const control = koffi.load(null).func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
const isRefused = control(SET_DENY_WRITE_EXECUTE, REFUSE_EXEC_GAIN, 0, 0, 0) === 0;
try {
  console.log(isRefused ? 'executed' : 'not refused', x86Generator(process.argv[2] as InstructionSet).name);
} catch (error) {
  console.log('refused', String(error));
}
