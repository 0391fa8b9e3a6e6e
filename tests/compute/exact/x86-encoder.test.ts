/**
 * The encodings that the processor's manual gives, one for each of their traps. tests/real/x86-encoder.test.ts has
 * objdump read tens of thousands more.
 */
import { describe, expect, it } from 'vitest';
import { Label } from '../../../src/compute/runtimes/exact/x86/code-buffer.ts';
import { Encoder, R8, R12, R13, RAX, RBP, RCX, RDI, RSP } from '../../../src/compute/runtimes/exact/x86/encoder.ts';

const ENCODINGS: readonly [text: string, write: (code: Encoder) => void][] = [
  ['vaddps ymm1, ymm2, ymm3', (code) => code.binary('add', 8, 1, 2, 3)],
  ['vaddps xmm9, xmm2, xmm3: R', (code) => code.binary('add', 4, 9, 2, 3)],
  ['vaddps ymm1, ymm2, ymm11: B, three bytes', (code) => code.binary('add', 8, 1, 2, 11)],
  ['vaddps zmm1, zmm2, zmm3', (code) => code.binary('add', 16, 1, 2, 3)],
  ['vaddps zmm17, zmm18, zmm27: bit 4 of the last is X', (code) => code.binary('add', 16, 17, 18, 27)],
  ['vaddps ymm17, ymm2, ymm3: EVEX', (code) => code.binary('add', 8, 17, 2, 3)],
  ['vmulps ymm1, ymm2, [rbp]: no form without displacement', (code) => code.binary('mul', 8, 1, 2, { base: RBP })],
  ['vmulps ymm1, ymm2, [r13]: nor here', (code) => code.binary('mul', 8, 1, 2, { base: R13 })],
  ['vmulps ymm1, ymm2, [rsp]: SIB', (code) => code.binary('mul', 8, 1, 2, { base: RSP })],
  ['vmulps ymm1, ymm2, [r12+8]: SIB', (code) => code.binary('mul', 8, 1, 2, { base: R12, displacement: 8 })],
  ['vmulps zmm1, zmm2, [rax+64]: one byte, 1', (code) => code.binary('mul', 16, 1, 2, { base: RAX, displacement: 64 })],
  ['vmulps zmm1, zmm2, [rax+4]: four', (code) => code.binary('mul', 16, 1, 2, { base: RAX, displacement: 4 })],
  [
    'vmulps zmm1, zmm2, dword [rax+4] {1to16}: one byte, 1',
    (code) => code.binary('mul', 16, 1, 2, { base: RAX, displacement: 4 }, true),
  ],
  ['vmovss xmm17, [rcx-4]: one byte, -1', (code) => code.unary('loadOne', 1, 17, { base: RCX, displacement: -4 })],
  [
    'vmovups [rax+r8*4+32], ymm3',
    (code) => code.storeVector('store', 8, { base: RAX, index: R8, scale: 4, displacement: 32 }, 3),
  ],
  ['vpslld ymm9, ymm2, 5: the target is in vvvv', (code) => code.shift('shiftLeft', 8, 9, 2, 5)],
  ['vpsrld zmm9, zmm2, 5', (code) => code.shift('shiftRight', 16, 9, 2, 5)],
  ['vblendvps ymm1, ymm2, ymm3, ymm4', (code) => code.binaryWithByte('selectBySign', 8, 1, 2, 3, 4 << 4)],
  ['vblendmps zmm1 {k2}, zmm3, zmm4', (code) => code.selectByMask(16, 1, 2, 3, 4)],
  ['vcmplt_oqps ymm1, ymm2, ymm3', (code) => code.compareVectors(0x11, 8, 1, 2, 3)],
  ['vcmplt_oqps k1, zmm2, zmm3', (code) => code.compareToMask(0x11, 16, 1, 2, 3)],
  ['vpmovm2d zmm1, k2', (code) => code.unary('bitsOfMask', 16, 1, 2)],
  ['vbroadcastss ymm1, xmm2', (code) => code.unary('broadcast', 8, 1, 2)],
  ['vmovd xmm1, edi', (code) => code.moveToVector(1, RDI)],
  ['mov rax, 2^32 + 7', (code) => code.moveNumber(RAX, 2 ** 32 + 7)],
  ['mov eax, 2^32 - 1', (code) => code.moveNumber(RAX, 2 ** 32 - 1)],
  ['add qword [rsp+8], 200', (code) => code.addNumber({ base: RSP, displacement: 8 }, 200)],
  ['imul r8, rdi, 12', (code) => code.multiply(R8, RDI, 12)],
];

describe('Encoder', () => {
  it('writes what the manual says', () => {
    const written = ENCODINGS.map(([text, write]) => {
      const code = new Encoder();
      write(code);
      return `${text} | ${Buffer.from(code.finish()).toString('hex')}`;
    });
    expect(written).toMatchInlineSnapshot(`
      [
        "vaddps ymm1, ymm2, ymm3 | c5ec58cb",
        "vaddps xmm9, xmm2, xmm3: R | c56858cb",
        "vaddps ymm1, ymm2, ymm11: B, three bytes | c4c16c58cb",
        "vaddps zmm1, zmm2, zmm3 | 62f16c4858cb",
        "vaddps zmm17, zmm18, zmm27: bit 4 of the last is X | 62816c4058cb",
        "vaddps ymm17, ymm2, ymm3: EVEX | 62e16c2858cb",
        "vmulps ymm1, ymm2, [rbp]: no form without displacement | c5ec594d00",
        "vmulps ymm1, ymm2, [r13]: nor here | c4c16c594d00",
        "vmulps ymm1, ymm2, [rsp]: SIB | c5ec590c24",
        "vmulps ymm1, ymm2, [r12+8]: SIB | c4c16c594c2408",
        "vmulps zmm1, zmm2, [rax+64]: one byte, 1 | 62f16c48594801",
        "vmulps zmm1, zmm2, [rax+4]: four | 62f16c48598804000000",
        "vmulps zmm1, zmm2, dword [rax+4] {1to16}: one byte, 1 | 62f16c58594801",
        "vmovss xmm17, [rcx-4]: one byte, -1 | 62e17e081049ff",
        "vmovups [rax+r8*4+32], ymm3 | c4a17c115c8020",
        "vpslld ymm9, ymm2, 5: the target is in vvvv | c5b572f205",
        "vpsrld zmm9, zmm2, 5 | 62f1354872d205",
        "vblendvps ymm1, ymm2, ymm3, ymm4 | c4e36d4acb40",
        "vblendmps zmm1 {k2}, zmm3, zmm4 | 62f2654a65cc",
        "vcmplt_oqps ymm1, ymm2, ymm3 | c5ecc2cb11",
        "vcmplt_oqps k1, zmm2, zmm3 | 62f16c48c2cb11",
        "vpmovm2d zmm1, k2 | 62f27e4838ca",
        "vbroadcastss ymm1, xmm2 | c4e27d18ca",
        "vmovd xmm1, edi | c5f96ecf",
        "mov rax, 2^32 + 7 | 48b80700000001000000",
        "mov eax, 2^32 - 1 | b8ffffffff",
        "add qword [rsp+8], 200 | 4881442408c8000000",
        "imul r8, rdi, 12 | 4c69c70c000000",
      ]
    `);
  });

  it('jumps forwards and backwards, by a byte where that is enough', () => {
    const code = new Encoder();
    const [begin, end] = [new Label(), new Label()];
    code.place(begin);
    code.jump(end);
    code.jumpIf('less', begin);
    code.call(end);
    code.place(end);
    code.ret();
    expect(hexOf(code)).toBe('e907000000' + '7cf9' + 'e800000000' + 'c3');
  });

  it('jumps far backwards', () => {
    const code = new Encoder();
    const begin = code.place(new Label());
    code.align(1);
    for (let count = 0; count < 127; count++) code.ret();
    code.jumpIf('equal', begin);
    expect(hexOf(code).slice(2 * 127)).toBe('0f847bffffff');
  });

  it('addresses constants behind the code, each once, aligned', () => {
    const code = new Encoder();
    for (const register of [1, 2]) code.unary('broadcast', 8, register, code.constant([0x3f800000]));
    code.binaryWithByte('shuffle', 4, 1, 2, code.constant([1, 2, 3, 4]), 0); // a byte follows the distance
    expect(hexOf(code)).toBe(
      'c4e27d180d27000000' + // from its end at 9 to 48
        'c4e27d18151e000000' +
        'c5e8c60d0500000000' + // to 32
        '9090909090' +
        '01000000020000000300000004000000' +
        '0000803f',
    );
  });

  it('forgets what was written since a mark', () => {
    const code = new Encoder();
    code.ret();
    const mark = code.mark();
    code.jump(new Label()); // which has no place
    code.reset(mark);
    expect(hexOf(code)).toBe('c3');
  });

  it('refuses to finish while a label has no place', () => {
    const code = new Encoder();
    code.jump(new Label());
    expect(() => code.finish()).toThrow('label');
  });
});

function hexOf(code: Encoder): string {
  return Buffer.from(code.finish()).toString('hex');
}
