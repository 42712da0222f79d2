/** Tokens of one machine, each compared with what the reference computes and samples. */
import type { Backend, GeneratedToken, GenerateRequest } from '../../../model/backends/backend.js';
import { locateMismatch } from '../../../model/backends/conformance.js';
import { receiptMismatch, samplerMismatch } from '../verify/mismatch-error.js';

/** Both start from a zero state. @throws MismatchError at the first token that differs, instead of giving it */
export async function* checkedTokens(
  subject: Backend,
  reference: Backend,
  request: GenerateRequest,
): AsyncGenerator<GeneratedToken> {
  const { prompt, signal } = request;
  await subject.reset();
  await reference.reset();
  const fed = [...prompt];
  // How far the prompt is, is said of the machine that is checked.
  const expectedTokens = reference.generate({ ...request, onPrompt: () => {} })[Symbol.asyncIterator]();
  for await (const actual of subject.generate(request)) {
    const next = await expectedTokens.next();
    if (next.done === true) return;
    const expected = next.value;
    if (actual.receipt !== expected.receipt) {
      const layer = await locateMismatch(subject, reference, fed, signal ? { signal } : {});
      throw receiptMismatch(subject.name, {
        stream: 'this run',
        position: fed.length - 1,
        token: fed.at(-1) ?? 0,
        expectedReceipt: expected.receipt,
        actualReceipt: actual.receipt,
        ...(layer && { layer }),
      });
    }
    if (actual.id !== expected.id) throw samplerMismatch(subject.name, actual.index, expected.id, actual.id);
    yield actual;
    fed.push(actual.id);
  }
}
