import { describe, expect, it } from 'vitest';
import { compileKernels } from '../../../../model/backends/cpu/compile-kernels.js';
import { NARROW, type KernelFamily } from '../../../../model/backends/cpu/kernels.js';
import { familiesOfNode, withRelaxedSimd } from '../../../../model/backends/cpu/node/families.js';
import { moduleBytes } from '../../../../model/backends/cpu/node/module-bytes.js';
import { kernelsOfNode } from '../../../../model/backends/cpu/node/node-compiler.js';

describe('the kernels of this Node', () => {
  it('are wide ones or narrow ones, and those for every engine', () => {
    const found = familiesFrom();
    expect(found).toContain('baseline');
    for (const family of found) expect(found).not.toContain(NARROW[family]);
  });

  it('are what is asked for, if nothing else is', () => {
    for (const family of familiesOfNode()) expect(familiesFrom([family])).toEqual([family]);
  });

  it('are at least those for every engine', () => {
    expect(familiesFrom([])).toEqual(['baseline']);
  });
});

it.each([
  ['keeps wide kernels that give the same sums', moduleBytes('wide16'), ['wide16', 'baseline']],
  ['leaves wide kernels away that give other sums', withOtherShift(moduleBytes('wide16')), ['baseline']],
])('%s', (_, wide, left) => {
  const bytesOf = (name: KernelFamily | 'step'): Uint8Array<ArrayBuffer> =>
    name === 'wide16' ? wide : moduleBytes(name);
  // Without the narrow one, which they must be faster than, so that the sums alone decide.
  const { products } = withRelaxedSimd(() =>
    compileKernels(['wide16', 'baseline'], { bytesOf, whileOptimising: (__, work) => work() }),
  );
  expect([...products.keys()]).toEqual(left);
});

function familiesFrom(families?: readonly KernelFamily[]): KernelFamily[] {
  return [...kernelsOfNode(families).products.keys()];
}

/** Rows 2 and 3 of four are taken from where row 1 is. */
function withOtherShift(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // i32.const 4, i16x8.shr_u
  const instructions = [0x41, 4, 0xfd, 0x8d, 1];
  const at = bytes.findIndex((_, k) => instructions.every((byte, i) => bytes[k + i] === byte));
  expect(at).toBeGreaterThan(0);
  bytes[at + 1] = 2;
  return bytes;
}
