/** An answer on the page: its text as it comes, a square for each token, and whether its receipts are right. */
import type { Proof, Verdict } from './client.js';

export class AnswerView {
  readonly element: HTMLElement;
  readonly #text: Text;
  readonly #facts: HTMLElement;
  readonly #receipts: HTMLElement;
  readonly #verdict: HTMLElement;
  readonly #tokens: number[] = [];
  readonly #proven: string[] = [];
  /** All that was told, as one. */
  #proof: Proof | undefined;
  #startMs = performance.now();
  #firstMs = NaN;
  #lastMs = NaN;

  /** @param before what the answer goes on with, to be shown in front of it */
  constructor(before: string) {
    this.element = element('article');
    const text = this.element.appendChild(element('p', 'text'));
    if (before !== '') text.appendChild(element('span', 'prompt')).textContent = before;
    this.#text = text.appendChild(document.createTextNode(''));
    this.#receipts = this.element.appendChild(element('div', 'receipts'));
    this.#receipts.setAttribute('aria-hidden', 'true');
    this.#facts = this.element.appendChild(element('p', 'facts'));
    this.#verdict = this.element.appendChild(element('p', 'verdict'));
  }

  get text(): string {
    return this.#text.data;
  }

  get proof(): Proof | undefined {
    return this.#proof;
  }

  /** Tokens behind the first one a second; undefined for fewer than two. */
  get tokensPerSecond(): number | undefined {
    const count = this.#proof?.tokens.length ?? 0;
    return count < 2 ? undefined : ((count - 1) * 1000) / (this.#lastMs - this.#firstMs);
  }

  add(text: string, proof: Proof | undefined): void {
    this.#text.appendData(text);
    if (proof === undefined) return;
    this.#lastMs = performance.now();
    if (Number.isNaN(this.#firstMs)) this.#firstMs = this.#lastMs;
    for (const [index, id] of proof.tokens.entries()) {
      const square = this.#receipts.appendChild(element('span'));
      square.title = `token ${id}, receipt ${proof.receipts[index] ?? ''}`;
    }
    this.#tokens.push(...proof.tokens);
    this.#proven.push(...proof.receipts);
    const { index } = this.#proof ?? proof;
    this.#proof = { ...proof, index, tokens: this.#tokens, receipts: this.#proven };
    this.#tell();
  }

  /** @param cachedTokens of the prompt that were known already */
  end(cachedTokens: number): void {
    this.#tell(cachedTokens > 0 ? `${cachedTokens} tokens of the prompt were known` : '');
  }

  checking(): void {
    this.#verdict.textContent = 'Computing it again…';
  }

  judged({ equal, equal_tokens: count, machine }: Verdict): void {
    for (const [index, square] of [...this.#receipts.children].entries()) {
      if (index < count) square.className = 'good';
      else if (index === count && !equal) square.className = 'bad';
    }
    this.#verdict.className = `verdict ${equal ? 'good' : 'bad'}`;
    this.#verdict.textContent = equal
      ? `✓ ${count} receipts computed again on ${machine}: every one is the same`
      : `✗ token ${count} is not what ${machine} computes`;
  }

  /** It could not be checked, or came to no end. */
  note(words: string): void {
    this.#verdict.textContent = words;
  }

  #tell(more = ''): void {
    const { tokens, seed, machine } = this.#proof ?? { tokens: [], seed: '', machine: '' };
    const rate = this.tokensPerSecond;
    const facts = [
      `${tokens.length} ${tokens.length === 1 ? 'token' : 'tokens'}`,
      rate === undefined ? '' : `${rate.toFixed(0)} tokens/s`,
      `first after ${(this.#firstMs - this.#startMs).toFixed(0)} ms`,
      `seed ${seed}`,
      `on ${machine}`,
      more,
    ];
    this.#facts.textContent = facts.filter((fact) => fact !== '').join(' · ');
  }
}

export function element(name: string, className = ''): HTMLElement {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  return made;
}
