/** A text that cannot be made, or be made into tokens, in words for whoever asked. */
export class TextProblem extends Error {
  override readonly name = 'TextProblem';
}
