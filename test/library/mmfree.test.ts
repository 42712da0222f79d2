import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  generate,
  listBoards,
  machineKinds,
  openMachine,
  pack,
  readImage,
  verifyReceipts,
  type OpenedMachine,
  type TextPiece,
} from '../../library/mmfree.js';
import { gathered } from '../helpers/machines.js';
import { writeCheckpoint } from '../helpers/synthetic-checkpoint.js';

let folder: string;
let opened: OpenedMachine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mmfree-library-'));
  opened = await openMachine({ kind: 'reference' });
});
afterAll(async () => {
  await opened?.machine.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('machines', () => {
  it('are of the kinds that the table of machines has', () => {
    expect(machineKinds).toEqual(expect.arrayContaining(['board', 'gpu', 'reference', 'simulator']));
  });

  it.each([
    [{ kind: 'abacus' }, 'abacus'],
    [{ board: 'somewhere else' }, 'names no board'],
    [{ kind: 'reference', board: 'tcp:127.0.0.1:1' }, 'of kind reference'],
  ])('are not opened for %j', async (options, said) => {
    await expect(openMachine(options)).rejects.toThrow(new RegExp(`.*${said}`));
    await expect(openMachine(options)).rejects.toBeInstanceOf(RangeError);
  });

  it('say what is wrong with an image', async () => {
    const image = join(import.meta.dirname, 'mmfree.test.ts');
    await expect(openMachine({ kind: 'reference', image })).rejects.toMatchObject({ code: 'not-an-image' });
    await expect(readImage(image)).rejects.toMatchObject({ code: 'not-an-image' });
  });

  it('tell what was decided, and take an abort', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(openMachine({ kind: 'reference', signal })).rejects.toThrow('enough');
  });

  it('that are boards are listed without being opened', async () => {
    for (const { selector, kind } of await listBoards())
      expect([typeof selector, typeof kind]).toEqual(['string', 'string']);
  });
});

describe('verifyReceipts', () => {
  const prompt = 'Once upon a time';
  let tokens: TextPiece[];
  beforeAll(async () => {
    tokens = await gathered(generate(opened, prompt, { maxTokens: 8, seed: 3n }));
  });

  it('finds all receipts of a text right, whatever was sampled', async () => {
    expect(await verifyReceipts(opened, { prompt, tokens })).toEqual({ verified: 8 });
  });

  it.each([0, 7])('names the first wrong receipt: %i', async (wrong) => {
    const changed = tokens.map(({ id, receipt }, k) => ({ id, receipt: k === wrong ? (receipt ^ 1) >>> 0 : receipt }));
    const { verified, mismatch } = await verifyReceipts(opened, { prompt, tokens: changed });
    expect(verified).toBe(wrong);
    expect(mismatch).toMatchObject({
      // The prompt has five tokens.
      position: 4 + wrong,
      expectedReceipt: changed[wrong]?.receipt,
      actualReceipt: tokens[wrong]?.receipt,
    });
  });

  it('finds nothing wrong with a log of no tokens, and refuses one of no prompt', async () => {
    expect(await verifyReceipts(opened, { prompt: [0], tokens: [] })).toEqual({ verified: 0 });
    await expect(verifyReceipts(opened, { prompt: [], tokens: [] })).rejects.toThrow(RangeError);
  });
});

describe('pack', () => {
  it('gives what readImage finds', async () => {
    const checkpoint = join(folder, 'checkpoint');
    await writeCheckpoint(checkpoint);
    const image = join(folder, 'tiny.mmfree');
    const packed = await pack(checkpoint, image, { name: 'tiny', revision: 3 });
    expect(packed).toMatchObject({ name: 'tiny', revision: 3 });
    expect(await readImage(image)).toEqual(packed);
  });

  it('signs with Ed25519 only', async () => {
    await expect(pack(folder, join(folder, 'none'), { privateKeyPem: 'no key' })).rejects.toThrow(/key|PEM|DECODER/i);
  });
});
