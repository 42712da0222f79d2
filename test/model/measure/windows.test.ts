import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import { evaluationWindows } from '../../../model/measure/windows.js';
import { TALES_IDS, talesFile } from '../../helpers/tokenizers.js';

const END = '<|endoftext|>';
const BOS = 7;
/** One id for each character, so that documents can be recognised. */
const codes = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

/** All ids of a text, from windows of one. */
function idsOf(text: string): number[] {
  const windows = evaluationWindows(text, codes, BOS, 1);
  return windows.flatMap(({ inputs }, i) => (i === 0 ? [...inputs] : [])).concat(...windows.map((w) => [...w.targets]));
}

describe('evaluationWindows', () => {
  it.each([
    ['one document', 'ab', [BOS, ...codes('ab')]],
    ['lines of a document', 'a\nb', [BOS, ...codes('a\nb')]],
    ['documents with the end line between', `a\n${END}\nb`, [BOS, ...codes('a'), BOS, ...codes('b')]],
    ['no document behind a last end line', `ab\n${END}\n`, [BOS, ...codes('ab')]],
    ['the final line break of a last document', 'ab\n', [BOS, ...codes('ab\n')]],
    ['an end mark inside a line as text', `a ${END}`, [BOS, ...codes(`a ${END}`)]],
  ])('encodes %s', (_title, text, ids) => {
    expect(idsOf(text)).toEqual(ids);
  });

  it('shifts the targets by one and drops the incomplete last window', () => {
    const windows = evaluationWindows('abcdef', codes, BOS, 3).map(({ inputs, targets }) => [
      [...inputs],
      [...targets],
    ]);
    expect(windows).toEqual([
      [[BOS, ...codes('ab')], [...codes('abc')]],
      [[...codes('cde')], [...codes('def')]],
    ]);
  });

  it.each([
    ['an empty text', ''],
    ['a text with inputs for a window but no last target', 'ab'],
  ])('gives no window for %s', (_title, text) => {
    expect(evaluationWindows(text, codes, BOS, 3)).toEqual([]);
  });

  it('stops encoding when it has the windows that are wanted', () => {
    const encoded: string[] = [];
    const text = Array.from({ length: 9 }, (_, i) => `document ${i}\n${END}\n`).join('');
    const encode = (document: string): number[] => {
      encoded.push(document);
      return codes(document);
    };
    const windows = evaluationWindows(text, encode, BOS, 4, 3);
    expect(windows).toEqual(evaluationWindows(text, codes, BOS, 4).slice(0, 3));
    expect(encoded).toEqual(['document 0', 'document 1']);
  });

  it('cuts the validation text of tales-9m as its reference data do', async () => {
    const tokenizer = await loadTokenizer(talesFile('tokenizer.json'), TALES_IDS);
    let ids = 0;
    const encode = (text: string): number[] => {
      const encoded = tokenizer.encode(text);
      ids += 1 + encoded.length;
      return encoded;
    };
    const text = new TextDecoder().decode(talesFile('validation.txt'));
    const windows = evaluationWindows(text, encode, TALES_IDS.bosTokenId, 512);
    const reference = JSON.parse(new TextDecoder().decode(talesFile('eval.json'))) as { window_losses: number[] };
    expect([ids, windows.length]).toEqual([188_178, reference.window_losses.length]);

    // Origin: `input_ids` (int32, 513 of them) in golden.safetensors of tales-9m, made with the published tokenizer.
    const first = Int32Array.of(...(windows[0]?.inputs ?? []), windows[0]?.targets.at(-1) ?? -1);
    const sha256 = createHash('sha256').update(new Uint8Array(first.buffer)).digest('hex');
    expect(sha256).toBe('8a6f2fbee8e7807a3c21ffde09496d7a0a3b11b6ce2b5e22d9b7849640697d5f');
  });
});
