/** The module of the family wide32: see wide-rows.ts. */
@global
const FAMILY: i32 = 2;
@global
const WIDE: bool = true;
export { multiplyBlocks } from './blocks';
