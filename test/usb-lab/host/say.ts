/** Prints one line that says what happens next, as the scripts do. */
export function say(line: string): void {
  process.stderr.write(`» ${line}\n`);
}
