import { expect, it } from 'vitest';
import { lossCurves } from '../../../../model/train/run/loss-curve.js';

it('draws runs of different lengths over the same tokens', () => {
  const picture = lossCurves([
    { name: 'short', losses: [4, 3], tokensPerStep: 10 },
    { name: 'long', losses: [4, 3, 2, 2], tokensPerStep: 10 },
  ]);
  const [short, long] = Array.from(picture.matchAll(/points="([^"]*)"/g), (match) => match[1] ?? '');
  expect(short).not.toBe('');
  expect(long).toMatch(new RegExp(`^${short} .+`));
  expect(picture).toContain(
    '<title>Loss over 40 tokens, at the end in nats a token: short: 3.000, long: 2.000</title>',
  );
});
