/** The options `--board`, `--key-file`, `--wait`, `--sampling`, `--image` and `--backend`, as the user gave them. */
export interface SourceInput {
  readonly board: string | undefined;
  /** Of the key that the board must have. */
  readonly keyFile: string | undefined;
  readonly wait: number;
  readonly image: string | undefined;
  /** A kind of the table of machines that takes images. */
  readonly backend: string | undefined;
  /** Who samples if it is a board: the board unless given. */
  readonly sampling?: 'board' | 'host' | undefined;
}

/** Whether one of them makes sense for a board only. */
export function asksForBoard({ board, keyFile, wait, sampling }: Omit<SourceInput, 'image' | 'backend'>): boolean {
  return board !== undefined || keyFile !== undefined || wait > 0 || sampling !== undefined;
}
