/** An option as commands declare it: the command line gives it a value, or else settings do (settings.ts). */

import { Argument, Option } from 'commander';
import { oneOf, type Parser } from './options.js';

/** What an option has to do with others. */
export interface OptionTraits {
  /** Long names without `--` of options that mean another choice: who makes this one sets aside a setting of those. */
  readonly excludes?: readonly string[];
  /** Its value is a file with settings of its command. */
  readonly holdsSettings?: boolean;
}

interface Details extends OptionTraits {
  /** Absent for an option without a value. */
  readonly parse?: Parser<unknown>;
  readonly isRepeatable?: boolean;
}

export class DeclaredOption extends Option {
  /** Takes a value of the given name, for errors. That of an option without a value is `true` or `false`. */
  readonly accept: (text: string, name: string) => void;
  readonly excludes: readonly string[];
  readonly isRepeatable: boolean;
  readonly holdsSettings: boolean;
  /** What the command line gave it, in order. */
  readonly given: string[] = [];
  /** Undefined for an option without a value. */
  readonly parse: Parser<unknown> | undefined;
  /** Without `--`. */
  readonly key: string;

  constructor(flags: string, description: string, accept: (text: string, name: string) => void, details: Details) {
    super(flags, description);
    const { parse, excludes = [], isRepeatable = false, holdsSettings = false } = details;
    this.accept = accept;
    this.excludes = excludes;
    this.isRepeatable = isRepeatable;
    this.holdsSettings = holdsSettings;
    this.parse = parse;
    this.key = (this.long ?? flags).replace(/^--/, '');
    const name = this.long ?? flags;
    if (parse === undefined) return;
    this.argParser((text) => {
      accept(text, name);
      this.given.push(text);
    });
  }
}

/** An argument as commands declare it. */
export class DeclaredArgument extends Argument {
  readonly parse: Parser<unknown>;

  constructor(name: string, description: string, parse: Parser<unknown>) {
    super(name, description);
    this.parse = parse;
  }
}

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** @throws UsageError */
export function truth(text: string, name: string): boolean {
  return TRUTHS.get(oneOf([...TRUTHS.keys()])(text, name)) === true;
}
