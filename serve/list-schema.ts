/**
 * Lists in requests: items are checked up to the first wrong one. Zod's own lists tell of every wrong one, and a body
 * of 4 MiB has room for more than a million, which takes gigabytes and seconds in which nobody is served.
 */
import { toJSONSchema, unknown, type ZodType } from './packages/schema.js';

/** How many items. */
interface Length {
  readonly least?: number;
  readonly most?: number;
}

export function listOf<Item>(item: ZodType<Item>, { least = 0, most = Infinity }: Length = {}): ZodType<Item[]> {
  const { $schema: _, ...items } = toJSONSchema(item, { io: 'input' });
  const bounds = { ...(least > 0 && { minItems: least }), ...(most < Infinity && { maxItems: most }) };
  const list = unknown().check(({ value, issues }) => {
    const problem = problemOf(value);
    if (problem !== undefined) issues.push({ code: 'custom', input: value, ...problem });
  });
  return list.meta({ type: 'array', items, ...bounds }) as ZodType as ZodType<Item[]>;

  function problemOf(value: unknown): { readonly message: string; readonly path: PropertyKey[] } | undefined {
    if (!Array.isArray(value)) return { message: 'it is no list', path: [] };
    if (value.length < least || value.length > most) {
      const lengths = most < Infinity ? `${least} to ${most}` : `at least ${least}`;
      return { message: `it has ${value.length} items, not ${lengths}`, path: [] };
    }
    for (const [index, one] of value.entries()) {
      const [issue] = item.safeParse(one).error?.issues ?? [];
      if (issue !== undefined) return { message: issue.message, path: [index, ...issue.path] };
    }
    return undefined;
  }
}
