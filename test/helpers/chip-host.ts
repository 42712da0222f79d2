/**
 * A host of one thread for an emulated chip: each question lets the chip's time pass until its answer has come. It
 * speaks the smallest part of the protocol: one frame at a time.
 */

import { encodeFrame, type Frame } from '../../protocol/wire/frame.js';
import { FrameReader } from '../../protocol/wire/frame-reader.js';
import type { Layout, LayoutValue } from '../../protocol/wire/layout.js';
import { decodeMapMessage, encodeMessage, type FixedMessage } from '../../protocol/wire/message.js';
import { HELLO, type Hello } from '../../protocol/wire/messages-board.js';
import { synPayload } from '../../protocol/wire/opening.js';
import { frameOf, framesIn } from './frames.js';

const NONCE = 0x0403_0201;
const SLICE_CYCLES = 20_000;
/** Of the chip: nothing that is asked takes that long. */
const PATIENCE_CYCLES = 3_000_000_000;
/** The board takes a host that says nothing for five seconds for gone. */
const KEEP_ALIVE_CYCLES = 125_000_000;

export interface EmulatedChip {
  /** So far. */
  readonly cycles: number;
  /** Bytes for its UART. */
  readonly receive: (bytes: Uint8Array) => void;
  readonly run: (cycles: number) => void;
}

export class ChipHost<Chip extends EmulatedChip> {
  readonly chip: Chip;
  readonly #reader = new FrameReader();
  #frames: Frame[] = [];
  #text = '';
  #sequence = 0;
  #expected = 0;

  /** @param start the chip, which hands on what its UART sends */
  constructor(start: (onUart: (byte: number) => void) => Chip) {
    this.chip = start((byte) => {
      this.#text += String.fromCodePoint(byte);
      this.#frames.push(...framesIn(this.#reader.feed(Uint8Array.of(byte))));
    });
  }

  /** What the chip has sent since something was typed last. */
  get text(): string {
    return this.#text;
  }

  /** Types, and lets the chip's time pass until it has said this. */
  type(bytes: string, awaited: string): string {
    this.#text = '';
    this.chip.receive(Buffer.from(bytes));
    for (const end = this.chip.cycles + PATIENCE_CYCLES; this.chip.cycles < end;) {
      if (this.#text.includes(awaited)) return this.#text;
      this.chip.run(SLICE_CYCLES);
    }
    throw new Error(`the board says ${JSON.stringify(this.#text)}, and not ${awaited}`);
  }

  /** Opens a session. */
  hello(): Hello {
    this.chip.receive(encodeFrame(frameOf({ kind: 'syn', window: 32, payload: synPayload(NONCE) }), true));
    this.#until(({ kind }) => kind === 'syn-ack');
    const hello = decodeMapMessage(HELLO, this.#message(HELLO.type));
    if ('problem' in hello) throw new Error(hello.problem);
    return hello.value;
  }

  /** Sends a message, and waits until it was taken. */
  send<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>): void {
    // Their numbers come again after 256 messages.
    this.#frames = this.#frames.filter(({ kind }) => kind !== 'ack');
    const order = { sequence: this.#sequence, acknowledge: this.#expected, window: 32 };
    this.#say(frameOf({ kind: 'data', type: message.type, ...order, payload: encodeMessage(message, value) }));
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#until(
      ({ kind, acknowledge }) => (kind === 'ack' || kind === 'data') && acknowledge === this.#sequence,
      false,
    );
  }

  /** The answer to a message. */
  ask<L extends Layout>(message: FixedMessage<L>, value: LayoutValue<L>, answer: FixedMessage): Uint8Array {
    this.send(message, value);
    return this.#message(answer.type);
  }

  #message(type: number): Uint8Array {
    const found = this.#until(({ kind }) => kind === 'data');
    this.#expected = (found.sequence + 1) & 0xff;
    this.#say(frameOf({ kind: 'ack', acknowledge: this.#expected, window: 32 }));
    if (found.type !== type)
      throw new Error(`message 0x${found.type.toString(16)}: ${Buffer.from(found.payload).toString('hex')}`);
    return found.payload;
  }

  #say(frame: Frame): void {
    this.chip.receive(encodeFrame(frame));
  }

  /** A frame that came after those that were taken out before. */
  #until(isWanted: (frame: Frame) => boolean, isTaken = true): Frame {
    let heardAt = this.chip.cycles;
    for (const end = this.chip.cycles + PATIENCE_CYCLES; this.chip.cycles < end;) {
      const place = this.#frames.findIndex(isWanted);
      if (place >= 0) return isTaken ? this.#frames.splice(0, place + 1).at(-1)! : this.#frames[place]!;
      this.chip.run(SLICE_CYCLES);
      if (this.chip.cycles - heardAt < KEEP_ALIVE_CYCLES) continue;
      heardAt = this.chip.cycles;
      this.#say(frameOf({ kind: 'ack', acknowledge: this.#expected, window: 32 }));
    }
    throw new Error('the board does not answer');
  }
}
