/** The module of the family relaxed16: see blocks.ts. */
@global
const FAMILY: i32 = 1;
@global
const WIDE: bool = false;
export { multiplyBlocks } from './blocks';
