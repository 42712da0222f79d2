/** Why the lab itself (not a scenario in it) did not work. */
export class LabError extends Error {
  override readonly name = 'LabError';
  /** What the program said that failed. */
  readonly detail: string;

  constructor(message: string, detail: string) {
    super(message);
    this.detail = detail;
  }
}
