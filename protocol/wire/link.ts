/**
 * The link: one reliable, ordered stream of messages in each direction over a line that may lose and garble bytes.
 * docs/PROTOCOL.md, section 2. What host and board have in common; how a session opens is in host-link.ts and
 * board-link.ts.
 *
 * Pure: time and the line are handed in, nothing waits. After every `receive` and `send`, when the line becomes ready,
 * when room for messages becomes free, and when the time that `poll` returned is over, the owner calls `poll`.
 */

import { encodeFrame, MAX_PAYLOAD_BYTES, MAX_WINDOW } from './frame.js';
import type { BadReason, Frame } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { SLOWEST_MS_PER_BYTE } from './line-pace.js';
import { LinkReceiver } from './link-receiver.js';
import { LinkSender } from './link-sender.js';

/** Why a session is over. */
export type CloseReason =
  /** The peer says nothing, or takes nothing any more. */
  | 'dead'
  /** The peer has ended the session, has restarted, or opens another one. */
  | 'reset'
  /** Another host holds the board. */
  | 'busy';

export type LinkEvent =
  /** The nonce is the one that the host chose. */
  | { readonly kind: 'opened'; readonly nonce: number }
  /** The payload belongs to whoever gets the event. */
  | { readonly kind: 'message'; readonly type: number; readonly payload: Uint8Array }
  | { readonly kind: 'closed'; readonly reason: Exclude<CloseReason, 'busy'> }
  /** `silentMs`: how long the board has not heard from the host that holds it. */
  | { readonly kind: 'closed'; readonly reason: 'busy'; readonly silentMs: number }
  /** Boot text of a board, from before its first frame. */
  | { readonly kind: 'text'; readonly bytes: Uint8Array };

export interface LinkOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Puts bytes on the line, at once and in order. They are the line's to keep. */
  readonly write: (bytes: Uint8Array) => void;
  /** Called from inside `receive` and `poll`; may call the link. */
  readonly onEvent: (event: LinkEvent) => void;
  /**
   * Whether the line takes another frame now; always, if absent. Frames should wait here rather than in the buffers of
   * a line: here they are not repeated before they were sent, and carry the latest acknowledgement.
   */
  readonly isReady?: () => boolean;
  /**
   * How many messages more the owner can take now; 32 if absent. What was told to the peer is a promise: the number may
   * fall only by the messages delivered.
   */
  readonly room?: () => number;
}

/** Counts since the link was made. */
export interface LinkStatistics {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Frames sent for a second, third … time. */
  repeats: number;
  /** Good frames that were not taken: they came twice, or after a gap. */
  dropped: number;
  /** Bad frames by reason. */
  readonly bad: Record<BadReason, number>;
}

const KEEP_ALIVE_MS = 1000;
/** A peer that says nothing for so long is gone. */
export const SILENCE_MS = 5000;
/** After so long a pause the line may have brought noise that a delimiter must end. */
const PAUSE_MS = 20;
const NOTHING = new Uint8Array(0);

/** The part of a frame that the link does not fill in. */
type FrameContent = Pick<Frame, 'kind'> & Partial<Frame>;

interface Session {
  readonly sender: LinkSender;
  readonly receiver: LinkReceiver;
}

export abstract class Link {
  readonly statistics: LinkStatistics = {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    repeats: 0,
    dropped: 0,
    bad: { cobs: 0, length: 0, crc: 0, kind: 0, reserved: 0 },
  };
  readonly #options: LinkOptions;
  readonly #reader = new FrameReader();
  #session: Session | undefined;
  /** A frame outside the stream of messages; a later one replaces it, so a flood of requests gathers no answers. */
  #control: FrameContent | undefined;
  #announced = 0;
  #sentAtMs = -Infinity;
  #heardAtMs = -Infinity;

  protected constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Whether {@link send} would accept a message: the link is open, and at most 31 others wait or are on their way. */
  get canSend(): boolean {
    return this.#session?.sender.hasRoom ?? false;
  }

  /** Whether the peer has taken every message that was sent. */
  get isAcknowledged(): boolean {
    return this.#session?.sender.isEmpty ?? true;
  }

  /**
   * Whether a message given to {@link send} now goes out now. What can wait, waits with its owner until then: in here
   * it would be in the way of what may not.
   */
  get sendsNow(): boolean {
    return this.#isReady() && (this.#session?.sender.hasWindow ?? false);
  }

  /** Milliseconds since the last good frame. */
  get silentMs(): number {
    return this.#options.now() - this.#heardAtMs;
  }

  /**
   * Sends a message as soon as the peer has room for it. False, and nothing is done, if {@link canSend} is.
   *
   * @param payload must not change until it is acknowledged
   * @throws RangeError if the payload has more than 4,096 bytes
   */
  send(type: number, payload: Uint8Array): boolean {
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw new RangeError(`a message has at most ${MAX_PAYLOAD_BYTES} bytes of payload, not ${payload.length}`);
    }
    if (!this.canSend) return false;
    this.#session?.sender.push({ type, payload });
    this.#transmit();
    return true;
  }

  /** Takes bytes from the line, any number of them, cut anywhere. Never throws because of them. */
  receive(bytes: Uint8Array): void {
    this.statistics.bytesReceived += bytes.length;
    for (const event of this.#reader.feed(bytes)) {
      if (event.kind === 'text') {
        this.#options.onEvent(event);
      } else if (event.kind === 'bad') {
        this.statistics.bad[event.reason]++;
        this.#session?.receiver.missing(this.#options.now());
      } else {
        this.statistics.framesReceived++;
        this.#heardAtMs = this.#options.now();
        this.#accept(event.frame);
      }
    }
    this.#transmit();
  }

  /** Does what is due, and returns after how many whole milliseconds there is more: infinity if there is nothing. */
  poll(): number {
    const nowMs = this.#options.now();
    const wakeAtMs = this.pollOpening(nowMs);
    if (this.#session !== undefined) {
      if (nowMs >= this.#deadAtMs(this.#session)) this.#giveUp();
      else if (this.#isReady()) this.#session.sender.repeatIfDue(nowMs);
    }
    this.#transmit();
    return Math.max(0, Math.ceil(Math.min(wakeAtMs, this.#wakeAtMs()) - this.#options.now()));
  }

  /** Ends the session and tells the peer, without an event. */
  close(): void {
    if (this.#session !== undefined) this.control({ kind: 'end' });
    this.#session = undefined;
    this.#transmit();
  }

  /** A frame that opens or refuses a session. */
  protected abstract onOpeningFrame(frame: Frame): void;

  /** A frame of a session that this side does not have. */
  protected abstract onStrayFrame(): void;

  /** Works on opening a session; when it wants to be called again, infinity if not for that. */
  protected abstract pollOpening(nowMs: number): number;

  protected opened(nonce: number, peerWindow: number): void {
    this.#session = { sender: new LinkSender(peerWindow), receiver: new LinkReceiver(this.#announced) };
    this.#options.onEvent({ kind: 'opened', nonce });
  }

  protected closed(event: LinkEvent & { kind: 'closed' }): void {
    this.#session = undefined;
    this.#options.onEvent(event);
  }

  /** Sends a frame outside the stream of messages, before all others. */
  protected control(frame: FrameContent): void {
    this.#control = frame;
  }

  /** The peer may live, and only not be heard: it is told like any other. */
  #giveUp(): void {
    this.control({ kind: 'end' });
    this.closed({ kind: 'closed', reason: 'dead' });
  }

  #accept(frame: Frame): void {
    switch (frame.kind) {
      case 'data':
      case 'ack':
        if (this.#session === undefined) this.onStrayFrame();
        else this.#acceptTraffic(frame, this.#session);
        break;
      case 'end':
        if (this.#session !== undefined) this.closed({ kind: 'closed', reason: 'reset' });
        break;
      case 'syn':
      case 'syn-ack':
      case 'busy':
        this.onOpeningFrame(frame);
        break;
    }
  }

  #acceptTraffic(frame: Frame, { sender, receiver }: Session): void {
    const nowMs = this.#options.now();
    sender.acknowledge(frame.acknowledge, frame.window, nowMs);
    // With nothing to repeat, the answer may be what got lost: an acknowledgement, or an open window.
    if (frame.again && !sender.repeat()) receiver.answer(nowMs);
    if (frame.kind !== 'data') return;
    if (receiver.take(frame.sequence, this.#room(), nowMs)) {
      this.#options.onEvent({ kind: 'message', type: frame.type, payload: frame.payload });
    } else {
      this.statistics.dropped++;
    }
  }

  #transmit(): void {
    while (this.#isReady()) {
      const content = this.#nextFrame();
      if (content === undefined) return;
      this.#write(content);
    }
  }

  #nextFrame(): FrameContent | undefined {
    const control = this.#control;
    this.#control = undefined;
    if (control !== undefined || this.#session === undefined) return control;

    const nowMs = this.#options.now();
    const { sender, receiver } = this.#session;
    if (receiver.wantsAgain) return { kind: 'ack', again: true };
    const outgoing = sender.take(nowMs);
    if (outgoing !== undefined) {
      if (outgoing.isRepeat) this.statistics.repeats++;
      return { kind: 'data', type: outgoing.type, sequence: outgoing.sequence, payload: outgoing.payload };
    }
    return nowMs >= this.#ackAtMs(receiver) ? { kind: 'ack' } : undefined;
  }

  #write(content: FrameContent): void {
    const nowMs = this.#options.now();
    const window = this.#room();
    const { kind, type = 0, sequence = 0, again = false, payload = NOTHING } = content;
    const receiver = this.#session?.receiver;
    const isTraffic = kind === 'data' || kind === 'ack';
    const acknowledge = isTraffic && receiver !== undefined ? receiver.expected : 0;
    const isAfterPause = nowMs >= this.#sentAtMs + PAUSE_MS;
    const bytes = encodeFrame({ kind, type, sequence, acknowledge, window, again, payload }, isAfterPause);
    receiver?.announce(window);
    if (isTraffic) receiver?.acknowledged(again);
    this.#announced = window;
    this.#sentAtMs = nowMs;
    this.statistics.framesSent++;
    this.statistics.bytesSent += bytes.length;
    this.#options.write(bytes);
  }

  #wakeAtMs(): number {
    if (this.#session === undefined) return Infinity;
    const { sender, receiver } = this.#session;
    const deadAtMs = this.#deadAtMs(this.#session);
    return this.#isReady() ? Math.min(deadAtMs, sender.repeatAtMs, this.#ackAtMs(receiver)) : deadAtMs;
  }

  #ackAtMs(receiver: LinkReceiver): number {
    return Math.min(receiver.ackAtMs(this.#room()), this.#sentAtMs + KEEP_ALIVE_MS);
  }

  /** Acknowledgements do not overtake the frame that is coming, and on a slow line that takes seconds. */
  #deadAtMs({ sender }: Session): number {
    const comingMs = SLOWEST_MS_PER_BYTE * this.#reader.begunBytes;
    return Math.min(sender.deadAtMs, this.#heardAtMs + SILENCE_MS) + comingMs;
  }

  #room(): number {
    return Math.max(0, Math.min(MAX_WINDOW, this.#options.room?.() ?? MAX_WINDOW));
  }

  #isReady(): boolean {
    return this.#options.isReady?.() ?? true;
  }
}
