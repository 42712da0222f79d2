import { expect, it } from 'vitest';
import { withoutHeldOut } from '../../../../model/train/data/held-out.js';

const tale = (title: string, middle: string, end: string): string =>
  `${title}\n${middle.repeat(40)}\n${end.repeat(20)}`;
const FOX = tale('The fox', 'There was a fox. ', 'And so it ended.');

it.each([
  ['the same text', FOX, true],
  ['the same text with other space around it', `\n ${FOX}\n\n`, true],
  ['another middle', tale('The fox', 'There was a vixen. ', 'And so it ended.'), true],
  ['another first line', tale('The hen', 'There was a fox. ', 'And so it ended.'), false],
  ['another end', tale('The fox', 'There was a fox. ', 'And so it began.'), false],
  ['a part of it', FOX.slice(0, 300), false],
])('leaves out a document that is a held-out one: %s', (_, document, isLeftOut) => {
  const other = 'Something else.';
  expect(withoutHeldOut([other, document], ['And more.', FOX])).toEqual(isLeftOut ? [other] : [other, document]);
});
