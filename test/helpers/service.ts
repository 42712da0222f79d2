/**
 * The service for tests: as a function from requests to answers, on the shipped model unless something else is given.
 */
import { parseSelector } from '../../device/selector.js';
import { machineKind } from '../../engine/machines.js';
import type { Machine } from '../../model/machine/machine.js';
import type { Access } from '../../serve/access/guards.js';
import { Bodies } from '../../serve/body/bodies.js';
import { createApp } from '../../serve/app.js';
import { Conversations } from '../../serve/conversations/conversations.js';
import type { ConversationStore } from '../../serve/conversations/store.js';
import { createMetrics } from '../../serve/metrics.js';
import { Models } from '../../serve/models/models.js';
import type { MachineSource } from '../../serve/models/machine-source.js';
import { USUAL_LIMITS, type RequestFacts, type Service, type ServiceLimits } from '../../serve/service.js';
import { TALES_IMAGE } from './command-line.js';

const engine = { signal: new AbortController().signal, onNote: (): void => {} };

/** Tales on the processor, by its kernels or by the reference. */
export function talesOn(kind: 'cpu' | 'reference'): MachineSource {
  return { name: kind, key: kind, open: async () => await machineKind(kind).open({ image: TALES_IMAGE }, engine) };
}

/** What a board runs. */
export function boardSource(selector: string): MachineSource {
  const request = { board: parseSelector(selector)!, text: true, reconnectMs: 0 };
  return { name: selector, key: selector, open: async () => await machineKind('board').open(request, engine) };
}

/** A machine without text, for what text does not matter to. */
export function sourceOf(name: string, machine: () => Machine): MachineSource {
  const open: MachineSource['open'] = async () => {
    return { machine: machine(), imageName: name, place: name, tokenizerJson: new Uint8Array(0) };
  };
  return { name, key: name, open };
}

/** What seed, tokens and receipts are told with. */
interface Proof {
  readonly seed: string;
  readonly index: number;
  readonly tokens: readonly number[];
  readonly receipts: readonly string[];
  readonly machine: string;
  readonly conversation?: { readonly id: string; readonly position: number };
}

/** Of a completion in lists, of a chat in entries. */
interface Logprobs {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs: readonly (Readonly<Record<string, number>> | null)[];
  readonly text_offset: readonly number[];
  readonly content?: readonly (Entry & { readonly top_logprobs: readonly Entry[] })[];
}

interface Entry {
  readonly token: string;
  readonly logprob: number;
}

/** An answer or a chunk, as far as tests look at it. */
export interface Answer {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: string | null;
    readonly mmfree: Proof;
    readonly logprobs: Logprobs | null;
    readonly message?: { readonly role: string; readonly content: string };
    readonly delta?: { readonly role?: string; readonly content: string };
  }[];
  readonly usage: Readonly<Record<'prompt_tokens' | 'completion_tokens' | 'total_tokens', number>> & {
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
  readonly mmfree: Proof;
}

export interface ServiceUnderTest {
  readonly models: Models;
  readonly service: Service;
  /** What went wrong without being the request's fault. */
  readonly failures: readonly unknown[];
  /** What the log has. */
  readonly requests: readonly RequestFacts[];
  /** Sends a request to a path; with a body it is a POST. */
  ask(path: string, body?: unknown, init?: RequestInit): Promise<Response>;
  /** The answer as JSON. */
  json(path: string, body?: unknown, init?: RequestInit): Promise<Answer>;
  /** The events of a stream, as JSON; behind the last one nothing but `[DONE]`. */
  events(path: string, body: object, init?: RequestInit): Promise<Answer[]>;
  close(): Promise<void>;
}

export interface ServiceTestOptions {
  readonly sources?: readonly MachineSource[];
  readonly limits?: Partial<ServiceLimits>;
  /** For conversations. */
  readonly store?: ConversationStore;
  readonly access?: Partial<Access>;
}

export async function serviceOf({
  sources = [talesOn('cpu')],
  limits: some = {},
  store,
  access,
}: ServiceTestOptions = {}): Promise<ServiceUnderTest> {
  const limits = (): ServiceLimits => ({ ...USUAL_LIMITS, ...some });
  const metrics = createMetrics(
    () => models.list,
    () => conversations,
  );
  const events = {
    ...metrics.events,
    onLost: () => metrics.onMachineLost(),
    onBack: (): void => {},
    onDistrusted: (): void => {},
  };
  const models: Models = new Models({ limits, events });
  await models.change({ coming: sources, leaving: [] }, engine.signal);
  const failures: unknown[] = [];
  const bodies = new Bodies();
  const conversations = store && new Conversations(store, () => models.list);
  const requests: RequestFacts[] = [];
  const service: Service = {
    get models() {
      return models.list;
    },
    conversations,
    limits,
    rollOut: async (model, image) => await models.rollOut(model, image, engine.signal),
    access: () => ({ hosts: new Set(), origins: new Set(), keys: undefined, ...access }),
    bodies,
    metrics,
    log: {
      onFailure: (error) => void failures.push(error),
      onRequest: (facts) => void requests.push(facts),
    },
  };
  const app = createApp(service);
  const ask = async (path: string, body?: unknown, init: RequestInit = {}): Promise<Response> => {
    const headers = { 'content-type': 'application/json', ...(init.headers as Record<string, string>) };
    const sent =
      body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
    return await app.fetch(new Request(`http://127.0.0.1${path}`, { ...sent, ...init, headers }));
  };
  return {
    models,
    service,
    failures,
    requests,
    ask,
    json: async (...request) => (await (await ask(...request)).json()) as Answer,
    events: async (path, body, init) => eventsOf(await (await ask(path, { ...body, stream: true }, init)).text()),
    close: async () => void (await Promise.all([models.close(), bodies.close()])),
  };
}

/** @throws Error for what is no stream of events with an end */
export function eventsOf(text: string): Answer[] {
  const events = text.split('\n\n').filter((event) => event !== '' && !event.startsWith(':'));
  const datas = events.map((event) => {
    if (!event.startsWith('data: ') || event.includes('\n')) throw new Error(`no event: ${event}`);
    return event.slice('data: '.length);
  });
  if (datas.pop() !== '[DONE]') throw new Error(`no end: ${text.slice(-200)}`);
  return datas.map((data) => JSON.parse(data) as Answer);
}
