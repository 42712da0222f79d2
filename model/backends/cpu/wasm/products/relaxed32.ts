/** The module of the family relaxed32: see blocks.ts. */
@global
const FAMILY: i32 = 2;
@global
const WIDE: bool = false;
export { multiplyBlocks } from './blocks';
