/** Zod, without its texts in other languages. Only the service loads it; bundled by scripts/build-serve.mjs. */
export {
  boolean,
  enum,
  int,
  literal,
  number,
  object,
  string,
  toJSONSchema,
  union,
  unknown,
  type infer,
  type ZodType,
} from 'zod';
