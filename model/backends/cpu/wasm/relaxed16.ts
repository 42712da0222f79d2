/** The module of the family relaxed16: see products.ts. */
@global
const FAMILY: i32 = 1;
export * from './exports';
