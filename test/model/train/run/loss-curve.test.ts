import { expect, it } from 'vitest';
import { lossCurves } from '../../../../model/train/run/loss-curve.js';
import type { LoggedStep } from '../../../../model/train/run/step-log.js';

const stepsOf = (...losses: number[]): LoggedStep[] => losses.map((loss, k) => ({ step: k + 1, loss }));

it('draws runs of different lengths over the same tokens', () => {
  const picture = lossCurves([
    { name: 'short', steps: stepsOf(4, 3), tokensPerStep: 10 },
    { name: 'long', steps: stepsOf(4, 3, 2, 2), tokensPerStep: 10 },
  ]);
  const [short, long] = Array.from(picture.matchAll(/points="([^"]*)"/g), (match) => match[1] ?? '');
  expect(short).not.toBe('');
  expect(long).toMatch(new RegExp(`^${short} .+`));
  expect(picture).toContain(
    '<title>Loss over 40 tokens, at the end in nats a token: short: 3.000, long: 2.000</title>',
  );
});

it('leaves a gap where steps are missing', () => {
  const [one, , three, four] = stepsOf(4, 3, 2, 2) as [LoggedStep, LoggedStep, LoggedStep, LoggedStep];
  const curve = { name: 'run', tokensPerStep: 10 };
  const pointsOf = (steps: LoggedStep[]): string[] =>
    (/points="([^"]*)"/.exec(lossCurves([{ ...curve, steps }]))?.[1] ?? '').split(' ');
  const whole = pointsOf(stepsOf(4, 3, 2, 2));
  expect(pointsOf([one, three, four])).toEqual([whole[0], whole[2], whole[3]]);
});
