/** Where a text ends, and what of it can be shown by then. */
import { describe, expect, it } from 'vitest';
import { RunningText } from '../../../model/text/running-text.js';
import { loadTokenizer } from '../../../model/text/tokenizer.js';
import { TALES_IDS, talesTokenizer, toBytes } from '../../helpers/tokenizers.js';

const END = TALES_IDS.eosTokenId;
const tokenizer = await loadTokenizer(toBytes(talesTokenizer()), TALES_IDS);

/** What is shown token by token, what is held back then, and what comes of it at the end. */
function read(text: string, stops: readonly string[], ...more: number[]): [string, string | undefined, string, string] {
  const running = new RunningText(TALES_IDS, tokenizer.textStream(), stops);
  let shown = '';
  for (const id of [...tokenizer.encode(text), ...more]) {
    shown += running.push(id).text;
    if (running.end !== undefined) break;
  }
  const { end, held } = running;
  return [shown, end, held, running.flush()];
}

describe('a running text', () => {
  it.each<[string, ReturnType<typeof read>, ReturnType<typeof read>]>([
    ['goes on', read('Once upon', []), ['Once upon', undefined, '', '']],
    [
      'holds back what a stop string may begin with',
      read('Once upon', ['upon a']),
      ['Once ', undefined, 'upon', 'upon'],
    ],
    ['ends before a stop string', read('Once upon a time', ['upon']), ['Once ', 'stop', '', '']],
    [
      'ends at an end token with all that is held back',
      read('Once upon', ['upon a'], END, END),
      ['Once upon', 'end-of-text', '', ''],
    ],
  ])('%s', (_, found, expected) => {
    expect(found).toEqual(expected);
  });

  it('without a tokenizer has no text, and ends at an end token', () => {
    const running = new RunningText(TALES_IDS, undefined, ['a']);
    expect([running.push(END - 1), running.push(END)]).toEqual([
      { added: '', text: '' },
      { added: '', text: '', end: 'end-of-text' },
    ]);
  });
});
