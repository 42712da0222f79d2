/**
 * A client that asks again as the SDKs do: twice, behind 409, 429, 5xx and connections that break before an answer,
 * never in mid-stream.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsOf, type Answer } from './service.js';

const MOST_RETRIES = 2;
const FIRST_WAIT_MS = 500;

/** Asks for completions. @returns its chunks, or the one answer @throws Error with the answer that came at last */
export async function completionsOf(url: string, body: { readonly stream?: boolean }): Promise<readonly Answer[]> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  for (let retries = 0; ; retries++) {
    const response = await fetch(`${url}/v1/completions`, init).catch((error: unknown) => error as Error);
    if (!(response instanceof Error) && response.ok) {
      return body.stream ? eventsOf(await response.text()) : [(await response.json()) as Answer];
    }
    const asksAgain = response instanceof Error || [409, 429].includes(response.status) || response.status >= 500;
    if (!asksAgain || retries === MOST_RETRIES) {
      throw new Error(response instanceof Error ? response.message : await response.text());
    }
    const told = response instanceof Error ? null : response.headers.get('retry-after');
    await sleep(told === null ? FIRST_WAIT_MS * 2 ** retries : 1000 * Number(told));
  }
}
