/** The module of the family baseline: see products.ts. */
@global
const FAMILY: i32 = 0;
export * from './exports';
