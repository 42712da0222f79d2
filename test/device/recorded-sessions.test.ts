/**
 * Sessions of a host and a board from before HELLO could have further keys (commit 5b652eb), in test/vectors/wire: each
 * side of today says to the other side of then what was said then.
 */

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { figureOfCases } from '../helpers/counts.js';
import { record, recorded, replayToBoard, replayToHost } from '../helpers/recorded-session.js';
import type { RecordedSession } from '../helpers/recorded-session.js';

// Nonces are random otherwise.
const nonces = vi.hoisted(() => ({ next: 0 }));
vi.mock('../../device/random.js', () => ({ randomWord: () => 0x1234_5600 + nonces.next++ }));

beforeEach(() => void (nonces.next = 0));

figureOfCases('wire: recorded sessions of hosts and boards from before capabilities, unchanged byte for byte');

const NAMES = ['compute', 'compute-one-buffer', 'resume', 'flash'];

function load(name: string): RecordedSession {
  const file = new URL(`../vectors/wire/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as RecordedSession;
}

describe.each(NAMES)('the session %s of then', (name) => {
  const recording = load(name);

  it('has a board that this host still talks to, byte for byte', async () => {
    expect(await replayToHost(recording)).toEqual(recorded(recording, 'host'));
  });

  it('has a host that this board still talks to, byte for byte', async () => {
    expect(await replayToBoard(recording)).toEqual(recorded(recording, 'board'));
  });

  it('is the one that host and board of today have with each other', async () => {
    const writes = await record(recording);
    expect(writes).toEqual(recording.writes);
  });
});
