/** The module of the family wide16: see wide-rows.ts. */
@global
const FAMILY: i32 = 1;
@global
const WIDE: bool = true;
export { multiplyBlocks } from './blocks';
