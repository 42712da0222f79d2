/** WGSL: where the constants of a layer, or of the head, have the scales of its products: `productScale(product)`, mantissa and exponent. */
export const PRODUCT_SCALES = {
  /** i, f and g. */
  mix: /* wgsl */ `
fn productScale(product: u32) -> vec2<i32> {
  if (product == 0u) { return constants[0].xy; }
  if (product == 1u) { return constants[0].zw; }
  return constants[1].xy;
}`,
  mixOutput: only('constants[1].zw'),
  glu: only('constants[2].xy'),
  gluOutput: only('constants[2].zw'),
  head: only('constants[0].yz'),
} as const;

function only(place: string): string {
  return `fn productScale(product: u32) -> vec2<i32> { return ${place}; }`;
}
