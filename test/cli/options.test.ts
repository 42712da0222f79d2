import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal, integer, oneOf, path, seed, text, type Parser } from '../../cli/options.js';
import { UsageError } from '../../cli/usage-error.js';

/** The value, or for a refusal what the user must do. */
function parse(parser: Parser<unknown>, argument: string): unknown {
  try {
    return parser(argument, '--name');
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [error.code, error.message, error.reason, error.fix];
  }
}

function refused(argument: string, reason: string, fix: string): string[] {
  return ['bad-value', `--name is ${JSON.stringify(argument)}`, reason, fix];
}

describe('integer', () => {
  const parser = integer({ min: -1, max: 1000, example: 256 });

  it.each([
    ['0', 0],
    ['-1', -1],
    ['+7', 7],
    ['1000', 1000],
    ['007', 7],
  ])('takes %s', (argument, value) => {
    expect(parse(parser, argument)).toBe(value);
  });

  it.each(['', ' 1', '1.0', '1e2', '0x10', '-2', '1001', 'ten', '1,000', 'Infinity', '9'.repeat(400)])(
    'refuses %j with the range and an example',
    (argument) => {
      const reason = 'It must be a whole number from -1 to 1,000.';
      expect(parse(parser, argument)).toEqual(refused(argument, reason, 'For example: --name 256'));
    },
  );
});

describe('decimal', () => {
  const parser = decimal({ min: 0, max: 2, example: 0.8 });

  it.each([
    ['0', 0],
    ['.5', 0.5],
    ['1.', 1],
    ['0.75', 0.75],
    ['2', 2],
  ])('takes %s', (argument, value) => {
    expect(parse(parser, argument)).toBe(value);
  });

  it.each(['', '.', '0,8', '1e-1', '-0.1', '2.01', 'NaN', 'Infinity'])(
    'refuses %j with the range and an example',
    (argument) => {
      const reason = 'It must be a number from 0 to 2, with a decimal point.';
      expect(parse(parser, argument)).toEqual(refused(argument, reason, 'For example: --name 0.8'));
    },
  );
});

describe('seed', () => {
  it('takes every unsigned number of 64 bits, decimal and hexadecimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(parse(seed, value.toString())).toBe(value);
        expect(parse(seed, `0x${value.toString(16)}`)).toBe(value);
        expect(parse(seed, `0X${value.toString(16).toUpperCase()}`)).toBe(value);
      }),
    );
  });

  it.each(['', '-1', '1.5', '0x', '0xg', 'abc', '18446744073709551616', '0x10000000000000000', '1'.repeat(1_000_000)])(
    'refuses %.30j',
    (argument) => {
      const reason = 'It must be a whole number from 0 to 2^64 - 1, decimal or hexadecimal.';
      expect(parse(seed, argument)).toEqual(refused(argument, reason, 'For example: --name 42'));
    },
  );
});

describe('oneOf', () => {
  const parser = oneOf(['cpu', 'gpu']);

  it('takes each of its choices', () => {
    expect([parse(parser, 'cpu'), parse(parser, 'gpu')]).toEqual(['cpu', 'gpu']);
  });

  it.each(['', 'CPU', 'tpu'])('refuses %j', (argument) => {
    expect(parse(parser, argument)).toEqual(
      refused(argument, 'It must be one of cpu, gpu.', 'For example: --name cpu'),
    );
  });
});

describe('text and path', () => {
  it('take anything but nothing', () => {
    expect([parse(text, ' '), parse(path, '-')]).toEqual([' ', '-']);
  });

  it.each([
    [text, '', 'It must be at least one character long.', 'For example: --name "some text"'],
    [path, '', 'It must be the path of a file or folder.', 'For example: --name ./file'],
    [path, 'a\0b', 'It must be the path of a file or folder.', 'For example: --name ./file'],
  ])('refuse what no command can work with', (parser, argument, reason, fix) => {
    expect(parse(parser, argument)).toEqual(refused(argument, reason, fix));
  });
});
