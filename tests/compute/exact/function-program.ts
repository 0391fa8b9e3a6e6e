/** Programs that compute one function of many numbers. */
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import * as functions from '../../../src/compute/runtimes/exact/functions.ts';
import type { Access, Program } from '../../../src/compute/runtimes/exact/language.ts';
import type * as scalar from './scalar-functions.ts';

export type FunctionName = keyof typeof scalar | 'expOfNonPositive';

/** The body of a kernel that loads from one slot, and stores the function of it in another. */
export function functionBody(name: FunctionName): Body {
  const body = new Body(0);
  const access = (slot: number): Access => ({ slot, strides: [], lane: 1 });
  body.store(functions[name](body, body.load(access(0))), access(1));
  return body;
}

/** Buffer 0 has the numbers, buffer 1 gets the results. */
export function functionProgram(name: FunctionName, elements: number): Program {
  return {
    buffers: [
      { name: 'x', dtype: 'float32', elements, kind: 'input' },
      { name: 'y', dtype: 'float32', elements, kind: 'output' },
    ],
    kernels: [functionBody(name).kernel([], elements)],
    phases: {
      before: [],
      each: [{ kernel: 0, places: [0, 1].map((buffer) => ({ buffer, offset: 0 })) }],
      after: [],
    },
  };
}
