/** Another program reads what the encoder of x86-64 writes: objdump, of Debian's package binutils. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Encoder } from '../../src/compute/runtimes/exact/x86/encoder.ts';
import { randomInstruction } from '../compute/exact/x86-assembly.ts';

const INSTRUCTIONS = 50_000;

it(`writes ${INSTRUCTIONS} random instructions as objdump reads them`, () => {
  const [numbers] = fc.sample(
    fc.array(fc.nat(2 ** 31 - 1), { minLength: 20 * INSTRUCTIONS, maxLength: 20 * INSTRUCTIONS }),
    { numRuns: 1, seed: 17 },
  );
  let next = 0;
  const code = new Encoder();
  const written = new Map<number, string>();
  for (let count = 0; count < INSTRUCTIONS; count++) {
    const { text, write } = randomInstruction((below) => numbers![next++ % numbers!.length]! % below);
    written.set(code.position, text);
    write(code);
  }
  expect(disassembled(code.finish())).toEqual(written);
});

/** By position. */
function disassembled(code: Uint8Array): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'swp-encoder-'));
  try {
    const file = join(folder, 'code');
    writeFileSync(file, code);
    const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--insn-width=16'];
    const listing = execFileSync('objdump', [...options, file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    const lines = listing.matchAll(/^\s*([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/gm);
    return new Map([...lines].map(([, at, text]) => [parseInt(at!, 16), text!.replace(/\s+/g, ' ').trim()]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
