import { expect, it } from 'vitest';
import { DocumentMarks, marksOf } from '../../../../model/train/data/held-out.js';
import type { TextPiece } from '../../../../model/train/data/text-pieces.js';

const tale = (title: string, middle: string, end: string): string =>
  `${title}\n${middle.repeat(40)}\n${end.repeat(20)}`;
const FOX = tale('The fox', 'There was a fox. ', 'And so it ended.');

/** In pieces of so many characters. */
function* piecesOf(document: string, size: number): Generator<string> {
  for (let at = 0; at < document.length; at += size) yield document.slice(at, at + size);
}

async function* heldOutPieces(): AsyncGenerator<TextPiece> {
  yield await Promise.resolve({ text: 'And more.', isLast: true });
  for (const text of piecesOf(FOX, 50)) yield { text, isLast: false };
  yield { text: ' ', isLast: true };
}

it.each([
  ['the same text', FOX, true],
  ['the same text with other space around it', `\n ${FOX}\n\n`, true],
  ['another middle', tale('The fox', 'There was a vixen. ', 'And so it ended.'), true],
  ['another first line', tale('The hen', 'There was a fox. ', 'And so it ended.'), false],
  ['another end', tale('The fox', 'There was a fox. ', 'And so it began.'), false],
  ['a part of it', FOX.slice(0, 300), false],
  ['space less within', FOX.replace('fox\n', 'fox'), false],
])('recognises a document that is a held-out one, in whatever pieces: %s', async (_, document, isHeldOut) => {
  const heldOut = await marksOf(heldOutPieces());
  for (const size of [1, 7, 200, 5000]) {
    const marks = new DocumentMarks();
    for (const piece of piecesOf(document, size)) marks.add(piece);
    expect(marks.all.some((mark) => heldOut.has(mark))).toBe(isHeldOut);
  }
});
