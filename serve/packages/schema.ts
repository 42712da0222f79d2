/** Zod, without its texts in other languages. Only the service loads it; bundled by scripts/build-serve.mjs. */
export {
  array,
  boolean,
  enum,
  int,
  literal,
  number,
  object,
  string,
  toJSONSchema,
  union,
  type infer,
  type ZodType,
} from 'zod';
