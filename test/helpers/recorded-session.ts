/**
 * Whole sessions as they went over a line, byte for byte: played again to one of the two sides, which must say what it
 * said then. Time is that of the test, so nothing depends on the machine.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../device/clock.js';
import { BoardConnection } from '../../device/connection.js';
import { flashImage } from '../../device/flash-image.js';
import { BoardSession } from '../../device/session.js';
import type { Transport, TransportEvents } from '../../device/transport/transport.js';
import { ImageFile } from '../../model/image-file.js';
import { DONE, RESET, RESUME, RUN, STEP, STEPPED } from '../../protocol/wire/messages-run.js';
import { BoardOnALine, TestClock } from './board-on-a-line.js';

/** One write to the line. */
export interface RecordedWrite {
  readonly atMs: number;
  /** Wires count from 0 in the order in which the host opens them. */
  readonly wire: number;
  readonly from: 'host' | 'board';
  readonly hex: string;
}

/** A file in test/vectors/wire. */
export interface RecordedSession {
  /** Which code said it. */
  readonly origin: string;
  readonly script: ScriptName;
  /** Messages that the board holds. */
  readonly window: number;
  /** Base64: what the board runs at the start, and what the host flashes. */
  readonly image: string;
  readonly newImage?: string;
  readonly writes: readonly RecordedWrite[];
}

export type ScriptName = 'compute' | 'resume' | 'flash';

/** What a host has at hand. */
interface Desk {
  readonly clock: Clock;
  readonly open: () => Transport;
  readonly newImage: Uint8Array;
}

const SAMPLED = { firstIndex: 0, topK: 7, topP: 29_491, inverseTemperature: 512, seed: 9n, keep: 0 };
const NOWHERE = 63;

/** What the host does. Requests one after the other, so that the line alone orders them. */
const SCRIPTS: Readonly<Record<ScriptName, (desk: Desk) => Promise<void>>> = {
  async compute({ clock, open }) {
    const session = await BoardSession.open(open(), { clock });
    await session.info();
    await session.request(RESET, {}, DONE);
    for (const token of [1, 0, 3]) await session.request(STEP, { taps: 1, candidates: 3, token }, STEPPED);
    await session.request(STEP, { taps: 0, candidates: 0, token: 64 }, STEPPED).catch(() => {});
    await session.send(RUN, { ...SAMPLED, run: 5, maxTokens: 40, tokens: Uint32Array.of(1, 0, 3) });
    while ((await session.nextRunEvent(5)).kind !== 'ended');
    await session.send(RUN, { ...SAMPLED, run: 6, maxTokens: 5000, keep: 1, tokens: Uint32Array.of(2) });
    for (let count = 0; count < 5; count++) await session.nextRunEvent(6);
    await session.cancelRun(6);
    await session.send(RESUME, { run: NOWHERE, index: 0 });
    await session.nextRunEvent(NOWHERE);
    await session.info();
    await session.close();
  },

  async resume({ clock, open }) {
    const first = await BoardSession.open(open(), { clock });
    await first.send(RUN, { ...SAMPLED, run: 5, maxTokens: 60, tokens: Uint32Array.of(1, 0, 3) });
    for (let count = 0; count < 10; count++) await first.nextRunEvent(5);
    await first.close();
    await new Promise<void>((resolve) => void clock.after(500, resolve));
    const second = await BoardSession.open(open(), { clock });
    await second.info();
    await second.send(RESUME, { run: 5, index: 10 });
    while ((await second.nextRunEvent(5)).kind !== 'ended');
    await second.close();
  },

  async flash({ clock, open, newImage }) {
    const folder = mkdtempSync(join(tmpdir(), 'mmfree-recorded-'));
    try {
      const path = join(folder, 'new.mmfree');
      writeFileSync(path, newImage);
      const connection = await BoardConnection.open(() => Promise.resolve(open()), { clock });
      const image = ImageFile.openChecked(path);
      await flashImage(connection, image);
      image.close();
      await connection.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** Lets the host and the board of this program talk. */
export async function record(recording: Omit<RecordedSession, 'writes' | 'origin'>): Promise<RecordedWrite[]> {
  const line = new BoardOnALine({ image: fromBase64(recording.image), window: recording.window });
  const writes: RecordedWrite[] = [];
  let wires = 0;
  line.fate = ({ to, bytes }) => {
    writes.push({
      atMs: line.clock.now(),
      wire: wires - 1,
      from: to === 'board' ? 'host' : 'board',
      hex: hexOf(bytes),
    });
    return [{ bytes }];
  };
  const open = (): Transport => {
    wires++;
    return line.plugIn();
  };
  await line.clock.until(SCRIPTS[recording.script](deskOf(recording, line.clock, open)));
  return writes;
}

/** What the host of this program says to the recorded board: a line for each write. */
export async function replayToHost(recording: RecordedSession): Promise<string[]> {
  const clock = new TestClock();
  const said: string[] = [];
  let wires = 0;
  const open = (): Transport => {
    const wire = wires++;
    let events: TransportEvents | undefined;
    for (const write of recording.writes) {
      if (write.from !== 'board' || write.wire !== wire) continue;
      clock.after(write.atMs + LATENCY_MS - clock.now(), () => events?.onData(fromHex(write.hex)));
    }
    return {
      name: 'wire',
      isReady: true,
      start: (given) => (events = given),
      write: (bytes) => void said.push(`${wire} ${hexOf(bytes)}`),
      close: () => {
        events = undefined;
        return Promise.resolve();
      },
    };
  };
  await clock.until(SCRIPTS[recording.script](deskOf(recording, clock, open)));
  return said;
}

/** What the board of this program says to the recorded host: a line for each write. */
export async function replayToBoard(recording: RecordedSession): Promise<string[]> {
  const line = new BoardOnALine({ image: fromBase64(recording.image), window: recording.window });
  const said: string[] = [];
  let wires = 0;
  line.fate = ({ to, bytes }) => {
    if (to === 'board') return [{ bytes }];
    said.push(`${wires - 1} ${hexOf(bytes)}`);
    return [];
  };
  let wire: Transport | undefined;
  for (const write of recording.writes) {
    if (write.from === 'board') continue;
    line.clock.after(write.atMs, () => {
      while (wires <= write.wire) {
        void wire?.close();
        wire = line.plugIn();
        wires++;
      }
      wire?.write(fromHex(write.hex));
    });
  }
  await line.clock.pass((recording.writes.at(-1)?.atMs ?? 0) + 1);
  return said;
}

/** What was said then: a line for each write. */
export function recorded({ writes }: RecordedSession, from: 'host' | 'board'): string[] {
  return writes.filter((write) => write.from === from).map(({ wire, hex }) => `${wire} ${hex}`);
}

/** Of {@link BoardOnALine}. */
const LATENCY_MS = 0.2;

function deskOf({ newImage = '' }: Pick<RecordedSession, 'newImage'>, clock: Clock, open: () => Transport): Desk {
  return { clock, open, newImage: fromBase64(newImage) };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
