/** Jinja templates. Only chats load it; bundled by scripts/build-serve.mjs. */
import * as parts from '@huggingface/jinja';

/** What is used of it. Its own types cannot be found from modules: they name files without their endings. */
interface Jinja {
  readonly tokenize: (
    template: string,
    options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean },
  ) => object;
  readonly parse: (tokens: object) => object;
  readonly Environment: new () => JinjaEnvironment;
  readonly Interpreter: new (environment: JinjaEnvironment) => {
    run(program: object): { readonly value: unknown };
  };
}

interface JinjaEnvironment {
  set(name: string, value: unknown): unknown;
}

export const { Environment, Interpreter, parse, tokenize } = parts as unknown as Jinja;
