import { mkdirSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../helpers/command-line.js';
import { Turns } from './turns.js';

const path = temporaryFolder();
let runs = 0;
let folder: string;

beforeEach(() => {
  folder = path(`taken-${runs++}`);
  mkdirSync(folder);
});

describe('Turns', () => {
  it('gives a scenario to one guest', () => {
    const guests = [new Turns(folder), new Turns(folder)];
    expect(guests.map((guest) => guest.take('twins'))).toEqual([true, false]);
  });

  it('has a scenario alone when all others that were taken have ended', () => {
    const [one, other] = [new Turns(folder), new Turns(folder)];
    other.take('twins');
    one.take('pico');
    expect(one.isAlone('pico')).toBe(false);
    other.end('twins');
    expect(one.isAlone('pico')).toBe(true);
    // Whoever comes later.
    expect(other.isAlone('killed')).toBe(false);
  });
});
