/** The module of the family baseline: see blocks.ts. */
@global
const FAMILY: i32 = 0;
@global
const WIDE: bool = false;
export { multiplyBlocks } from './blocks';
