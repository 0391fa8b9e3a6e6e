/**
 * The process of a descent: `ACCESS STEPS MODEL`, all JSON. It prints the digest. With --expose-gc, garbage is
 * collected after every step, with what is alive lying among it.
 */
import { descend, type Access, type DescentModel } from './descent.ts';

const [access, steps, model] = process.argv.slice(2).map((text) => JSON.parse(text) as unknown) as [
  Access,
  number,
  DescentModel,
];

const { digest } = await descend(model, access, steps, () => {
  if (globalThis.gc === undefined) return;
  void Array.from({ length: 2000 }, (_, index) => new Float32Array(1 + (index % 16)).fill(NaN));
  globalThis.gc();
});
console.log(digest);
