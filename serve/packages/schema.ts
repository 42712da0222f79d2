/** Zod, without its texts in other languages. Only the service loads it; bundled by scripts/build-serve.mjs. */
export {
  array,
  boolean,
  enum,
  int,
  literal,
  null,
  number,
  object,
  record,
  strictObject,
  string,
  toJSONSchema,
  union,
  unknown,
  type infer,
  type ZodType,
} from 'zod';
