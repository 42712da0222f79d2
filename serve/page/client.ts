/** What the page asks the service: the interface that every other client has (docs/SERVING.md). */

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** A text to go on with, or messages to answer. */
export type Asked = { readonly prompt: string } | { readonly messages: readonly Message[] };

export interface Settings {
  readonly model: string;
  readonly temperature: number;
  readonly max_tokens: number;
  /** As text: numbers have 53 bits here. */
  readonly seed: string | undefined;
}

/** What is told with each chunk, and can be computed again. */
export interface Proof {
  readonly seed: string;
  readonly index: number;
  readonly tokens: readonly number[];
  readonly receipts: readonly string[];
  readonly machine: string;
}

export interface Chunk {
  readonly text: string;
  readonly finish: string | null;
  readonly proof: Proof | undefined;
  /** In the last one. */
  readonly cachedTokens: number | undefined;
}

export interface Verdict {
  readonly equal: boolean;
  readonly equal_tokens: number;
  readonly machine: string;
}

export interface Model {
  readonly id: string;
  readonly mmfree: { readonly layers: number; readonly hidden_size: number; readonly has_tokenizer: boolean };
}

export interface Slots {
  readonly model: string;
  readonly waiting: number;
  readonly machines: readonly {
    readonly name: string;
    readonly kind: string;
    readonly seats: number;
    readonly running: readonly object[];
  }[];
  readonly distrusted: readonly string[];
}

/** What the service refuses. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Client {
  /** Sent with each request; none where it is empty. */
  key = '';

  /** @throws Refusal */
  async models(): Promise<readonly Model[]> {
    return ((await this.#json('/v1/models')) as { readonly data: readonly Model[] }).data;
  }

  /** @throws Refusal */
  async slots(): Promise<readonly Slots[]> {
    return (await this.#json('/slots')) as readonly Slots[];
  }

  /** @throws Refusal; AbortError */
  async *answer(asked: Asked, settings: Settings, signal: AbortSignal): AsyncGenerator<Chunk, void> {
    const path = 'prompt' in asked ? '/v1/completions' : '/v1/chat/completions';
    const body = { ...asked, ...settings, stream: true, stream_options: { include_usage: true } };
    const response = await this.#ask(path, body, signal);
    for await (const event of eventsOf(response)) {
      if (event === '[DONE]') return;
      yield chunkOf(JSON.parse(event) as Answered);
    }
    throw new Refusal(0, 'the answer ends in the middle: the service is gone');
  }

  /** Lets the service compute it again. @throws Refusal; AbortError */
  async verify(asked: Asked, { model, temperature }: Settings, proof: Proof, signal: AbortSignal): Promise<Verdict> {
    const { seed, index, tokens, receipts } = proof;
    const body = { ...asked, model, temperature, seed, index, tokens, receipts };
    return (await (await this.#ask('/v1/verify', body, signal)).json()) as Verdict;
  }

  async #json(path: string): Promise<unknown> {
    return await (await this.#ask(path)).json();
  }

  async #ask(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (this.key !== '') headers['authorization'] = `Bearer ${this.key}`;
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(path, { ...sent, headers, signal: signal ?? null });
    if (response.ok) return response;
    const told = (await response.json().catch(() => undefined)) as Refused | undefined;
    throw new Refusal(response.status, told?.error.message ?? `the service answers with ${response.status}`);
  }
}

interface Refused {
  readonly error: { readonly message: string };
}

interface Answered extends Partial<Refused> {
  readonly choices: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly mmfree?: Proof;
  readonly usage?: { readonly prompt_tokens_details: { readonly cached_tokens: number } } | null;
}

function chunkOf({ error, choices, mmfree, usage }: Answered): Chunk {
  if (error !== undefined) throw new Refusal(0, error.message);
  const [choice] = choices;
  return {
    text: choice?.text ?? choice?.delta?.content ?? '',
    finish: choice?.finish_reason ?? null,
    proof: choice === undefined ? undefined : mmfree,
    cachedTokens: usage?.prompt_tokens_details.cached_tokens,
  };
}

/** The data of server-sent events. */
async function* eventsOf(response: Response): AsyncGenerator<string, void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) if (event.startsWith('data: ')) yield event.slice('data: '.length);
  }
}
