/** What `mmfree pack` is told. */
export interface PackInput {
  readonly checkpoint: string;
  readonly output: string;
  readonly name: string | undefined;
  readonly revision: number;
  readonly sign: string | undefined;
  readonly program: string | undefined;
  readonly dfu: boolean;
  /** Whether to put an image beside firmware. */
  readonly uf2: boolean;
  /** What goes with it; the shipped one unless given. */
  readonly firmware: string | undefined;
  /** Whether it takes text; else token ids only. */
  readonly tokenizer: boolean;
  /** Whether the template for conversations goes with it, if there is one. */
  readonly chatTemplate: boolean;
}
