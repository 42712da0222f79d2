/**
 * The power goes between any two operations on the disk, and in the middle of one: what was acknowledged is there,
 * whole, and goes on.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeState } from '../../../protocol/state/state-file.js';
import { ConversationStore } from '../../../serve/conversations/store.js';
import { USUAL_LIMITS } from '../../../serve/service.js';
import { randomModel } from '../../oracle/random-model.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { count, figure } from '../../helpers/counts.js';
import { referenceOf } from '../../helpers/machines.js';
import { afterPowerCut, LEFTOVERS, RecordedDisk } from '../../helpers/recorded-disk.js';
import { serviceOf, sourceOf, type ServiceUnderTest } from '../../helpers/service.js';

const PATH = '/v1/completions';
const IDS = ['a', 'b', 'c'];
const TURNS = count(24, 300);

const inFolder = temporaryFolder();
const limits = (): typeof USUAL_LIMITS => USUAL_LIMITS;
const sources = [sourceOf('tiny', () => referenceOf(randomModel(10, { shape: { eosTokenId: 52 } })))];

/** What a client was told of a conversation. */
interface Acknowledged {
  readonly id: string;
  /** Operations that were done by then. */
  readonly operations: number;
  /** Undefined if it was deleted. */
  readonly position: number | undefined;
  /** Of the tokens that it goes on with. */
  readonly receipts: readonly string[];
}

const disk = new RecordedDisk();
const told: Acknowledged[] = [];

let tested: ServiceUnderTest;
beforeAll(async () => {
  tested = await serviceOf({ sources, store: await ConversationStore.open(inFolder('recorded'), limits, disk) });
  await Promise.all(IDS.map(async (id, index) => await talk(id, index)));
});
afterAll(async () => await tested?.close());

/** Answers of a conversation, one after the other; now and then it is deleted and begins anew. */
async function talk(id: string, first: number): Promise<void> {
  const at = `/v1/conversations/${id}`;
  const known = async (position: number | undefined): Promise<void> => {
    const operations = disk.operations.length;
    told.push({ id, operations, position, receipts: position === undefined ? [] : await going(id) });
  };
  await tested.ask(at, undefined, { method: 'PUT' });
  for (let turn = first; turn < TURNS; turn++) {
    if (turn % 9 === 8) {
      await tested.ask(at, undefined, { method: 'DELETE' });
      await known(undefined);
      await tested.ask(at, undefined, { method: 'PUT' });
    }
    const asked = { conversation: id, prompt: [turn % 50, 7, first], seed: turn, max_tokens: 1 + (turn % 5) };
    const { mmfree } = await tested.json(PATH, asked);
    await known(mmfree.conversation!.position);
  }
}

/** What it goes on with, computed anew from all its tokens. */
async function going(id: string): Promise<readonly string[]> {
  const { state, tokens } = decodeState(await tested.service.conversations!.bytes(id));
  const prompt = [...tokens!, state.chosen!, 1, 2];
  return (await tested.json(PATH, { prompt, temperature: 0, max_tokens: 3 })).mmfree.receipts;
}

describe.each(LEFTOVERS)('of what was not flushed, %s is left', (left) => {
  it('each acknowledged conversation is there, whole, behind any operation', async () => {
    for (let cut = 0; cut <= disk.operations.length; cut++) {
      const store = await ConversationStore.open('', limits, afterPowerCut(disk.operations.slice(0, cut), left));
      for (const id of IDS) {
        const position = store.has(id) ? decodeState(await store.read(id)).state.position : undefined;
        expect(possible(id, cut), `${id} behind ${cut} operations`).toContain(position);
      }
    }
    figure(
      `power cuts at conversations, each as acknowledged; left of what was not flushed: ${left}`,
      `${disk.operations.length + 1}`,
    );
  });

  it('and goes on with the same receipts', async () => {
    for (let cut = 0; cut <= disk.operations.length; cut += Math.ceil(disk.operations.length / count(12, 200))) {
      const store = await ConversationStore.open('', limits, afterPowerCut(disk.operations.slice(0, cut), left));
      const again = await serviceOf({ sources, store });
      for (const id of IDS.filter((one) => store.has(one))) {
        const { position } = decodeState(await store.read(id)).state;
        if (position === 0) continue;
        const { mmfree } = await again.json(PATH, { conversation: id, prompt: [1, 2], temperature: 0, max_tokens: 3 });
        const same = told.filter((one) => one.id === id && one.position === position);
        expect(same.map(({ receipts }) => receipts)).toContainEqual(mmfree.receipts);
      }
      await again.close();
    }
  });
});

/** Positions that may be there: what was acknowledged last, or what comes next. */
function possible(id: string, cut: number): (number | undefined)[] {
  const all = told.filter((one) => one.id === id);
  const last = all.findLastIndex(({ operations }) => operations <= cut);
  const next = all[last + 1];
  // A new one has position 0 first.
  return [all[last]?.position, next?.position, ...(last < 0 || all[last]!.position === undefined ? [0] : [])];
}
