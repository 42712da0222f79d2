/** Who makes boards like ours. */

/** pid.codes' id for tests, until a real one is assigned. */
export const OUR_VENDOR = 0x1209;
export const OUR_PRODUCT = 0x0001;

export function isOurs({ vendor, product }: { readonly vendor: number; readonly product: number }): boolean {
  return vendor === OUR_VENDOR && product === OUR_PRODUCT;
}
