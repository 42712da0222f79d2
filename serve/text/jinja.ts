/**
 * Jinja as Transformers renders chat templates (`trim_blocks`, `lstrip_blocks`, `raise_exception`), but for one thing:
 * there is no clock (`strftime_now`). What is rendered depends on what is given only; otherwise nobody could compute a
 * text again the next day.
 */
import { Environment, Interpreter, parse, tokenize } from '../packages/jinja.js';

/** More than a template that goes through messages needs. */
const MAX_RANGE = 1_000_000;

/** @throws SyntaxError @returns what renders it; that throws what is wrong, and may take forever */
export function jinja(template: string): (variables: Readonly<Record<string, unknown>>) => string {
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  return (variables) => {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
    const { value } = new Interpreter(environment).run(program);
    return String(value);
  };
}

const GLOBALS = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: (message: unknown): never => {
    throw new Error(String(message));
  },
  range,
};

/** As Python's. */
function range(from: number, to?: number, step = 1): number[] {
  const [start, stop] = to === undefined ? [0, from] : [from, to];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_RANGE)) throw new RangeError(`a range has ${length} numbers, at most ${MAX_RANGE} are made`);
  return Array.from({ length }, (_, index) => start + index * step);
}
