/**
 * WGSL: where the constants of a layer, or of the head, have the scales of its products: `productScale(product)`,
 * mantissa and exponent.
 */
import { HEAD_BLOCK, LAYER_BLOCK, type MatrixName } from '../../../../../protocol/image/tensors.js';

const SLOTS = Object.fromEntries(
  [...LAYER_BLOCK.matrices, ...HEAD_BLOCK.matrices].map(({ name, scale }) => [name, scale]),
) as Record<MatrixName<typeof LAYER_BLOCK | typeof HEAD_BLOCK>, number>;

export const PRODUCT_SCALES = {
  mix: productScale('i', 'f', 'g'),
  mixOutput: productScale('o'),
  glu: productScale('gateUp'),
  gluOutput: productScale('down'),
  head: productScale('head'),
} as const;

/** @param names of the products in the order of their numbers */
function productScale(...names: readonly (keyof typeof SLOTS)[]): string {
  const choices = names.map((name, product) => `  if (product == ${product}u) { return ${pairAt(SLOTS[name])}; }\n`);
  return /* wgsl */ `
fn productScale(product: u32) -> vec2<i32> {
${choices.slice(0, -1).join('')}  return ${pairAt(SLOTS[names[names.length - 1]])};
}`;
}

/** Two neighbours among the constants, which are bound as vectors of four. */
function pairAt(slot: number): string {
  return `constants[${slot >> 2}].${'xyzw'.slice(slot % 4, (slot % 4) + 2)}`;
}
