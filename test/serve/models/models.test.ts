/** Machines come, go, and change their images, while the models that they make are in service. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../../model/machine/machine.js';
import { HotPlug } from '../../../serve/models/hot-plug.js';
import type { MachineSource } from '../../../serve/models/machine-source.js';
import { Models } from '../../../serve/models/models.js';
import { USUAL_LIMITS } from '../../../serve/service.js';
import { sourceOf } from '../../helpers/service.js';
import { all, alone, machine, work, type Faults } from '../scheduler/machines.js';

const { signal } = new AbortController();
const told: string[] = [];
let models: Models;
afterEach(async () => {
  await models.close();
  told.length = 0;
});

function noModels(): Models {
  const tell =
    (what: string) =>
    (name: string): void =>
      void told.push(`${name} ${what}`);
  return (models = new Models({
    limits: () => USUAL_LIMITS,
    events: { onLost: tell('lost'), onBack: tell('back'), onDistrusted: tell('distrusted') },
  }));
}

/** An image of another content with the same name. */
const image = (byte: number): Machine['facts']['image'] => ({ name: 'tiny', sha256: new Uint8Array(32).fill(byte) });
const withImage = (byte: number, faults?: Faults): Machine => machine({ image: image(byte), sequences: 1 }, faults);
const ids = (): string[] => models.list.map(({ id }) => id);

describe('machines that options name', () => {
  it('with the same image are one model, with another one of the same name another', async () => {
    await noModels().change({ coming: [sourceOf('a', () => withImage(1)), sourceOf('b', () => withImage(2)), sourceOf('c', () => withImage(1))], leaving: [] }, signal); // prettier-ignore
    expect(ids()).toEqual(['tiny', 'tiny@02020202']);
    expect(models.list.map(({ scheduler }) => scheduler.places.length)).toEqual([2, 1]);
  });

  it('that leave end what they compute, and the name is that of the one that came', async () => {
    const old = sourceOf('old', () => withImage(1));
    await noModels().change({ coming: [old], leaving: [] }, signal);
    const [job] = models.list[0]!.scheduler.submit([work(1, { maxTokens: 200 })]);
    const { left } = await models.change({ coming: [sourceOf('new', () => withImage(2))], leaving: [old] }, signal);
    expect([ids(), models.list[0]!.fingerprint.slice(0, 2)]).toEqual([['tiny'], '02']);
    const receipts = (await all(job!)).map(({ receipt }) => receipt);
    expect(receipts).toEqual(await alone(work(1, { maxTokens: 200 })));
    await left;
  });

  it('that do not open change nothing', async () => {
    await noModels().change({ coming: [sourceOf('old', () => withImage(1))], leaving: [] }, signal);
    const bad: MachineSource = { ...sourceOf('bad', () => withImage(2)), open: () => Promise.reject(new Error('no')) };
    const change = models.change({ coming: [sourceOf('good', () => withImage(3)), bad], leaving: [] }, signal);
    await expect(change).rejects.toThrow('no');
    expect([ids(), models.list[0]!.fingerprint.slice(0, 2)]).toEqual([['tiny'], '01']);
  });
});

it('a machine that was lost comes back with what image it has then', async () => {
  let byte = 1;
  const board = sourceOf('board', () => withImage(byte, byte === 1 ? { after: 3, how: 'throw' } : undefined));
  await noModels().change({ coming: [board, sourceOf('other', () => withImage(1))], leaving: [] }, signal);
  byte = 2;
  const [{ scheduler } = undefined!] = models.list;
  const jobs = scheduler.submit([work(1), work(2)]);
  for (const [index, job] of jobs.entries()) {
    expect((await all(job)).map(({ receipt }) => receipt)).toEqual(await alone(work(index + 1)));
  }
  while (!told.includes('board back')) await sleep(5);
  expect(told).toEqual(['board lost', 'board back']);
  expect(models.list.map((model) => model.scheduler.places.length)).toEqual([1, 1]);
});

describe('machines that are plugged', () => {
  const gone = { onCame: (name: string) => void told.push(`${name} came`), onGone: (name: string) => void told.push(`${name} gone`), onRefused: (name: string) => void told.push(`${name} refused`) }; // prettier-ignore

  it('come into service and leave it, and their texts go on at others', async () => {
    let there = ['a', 'b'].map((name) => sourceOf(name, () => withImage(1)));
    const hotPlug = new HotPlug(noModels(), () => Promise.resolve(there), gone);
    const look = async (): Promise<void> => void (await Promise.all(await hotPlug.look(signal)));
    await look();
    await look();
    const jobs = models.list[0]!.scheduler.submit([work(1), work(2), work(3)]);
    there = there.slice(1);
    await look();
    for (const [index, job] of jobs.entries()) {
      expect((await all(job)).map(({ receipt }) => receipt)).toEqual(await alone(work(index + 1)));
    }
    there = [];
    await look();
    expect(ids()).toEqual([]);
    expect(told).toEqual(['a came', 'b came', 'a gone', 'b gone']);
  });

  // It used to end the service.
  it('that cannot be seen for a while serve on, and that is told once', async () => {
    let isBlind = false;
    const there = [sourceOf('a', () => withImage(1))];
    const see = async (): Promise<MachineSource[]> =>
      isBlind ? await Promise.reject(new Error('too many files are open')) : await Promise.resolve(there);
    const hotPlug = new HotPlug(noModels(), see, gone);
    for (const blind of [false, true, true, false, true]) {
      isBlind = blind;
      await Promise.all(await hotPlug.look(signal));
    }
    expect([told, ids()]).toEqual([
      ['a came', 'whatever is plugged in refused', 'whatever is plugged in refused'],
      ['tiny'],
    ]);
  });

  it('that cannot serve are told once', async () => {
    const bad: MachineSource = { ...sourceOf('bad', () => withImage(1)), open: () => Promise.reject(new Error('no')) };
    const hotPlug = new HotPlug(noModels(), () => Promise.resolve([bad]), gone);
    for (let look = 0; look < 3; look++) await Promise.all(await hotPlug.look(signal));
    expect([told, ids()]).toEqual([['bad refused'], []]);
  });
});
