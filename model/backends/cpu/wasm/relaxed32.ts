/** The module of the family relaxed32: see products.ts. */
@global
const FAMILY: i32 = 2;
export * from './exports';
