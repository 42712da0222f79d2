/**
 * A board as a library: bytes in, bytes out; clock and flash are handed in, nothing waits. docs/PROTOCOL.md.
 *
 * It may have several lines (a serial port, a network port) and serves one host at a time. The owner calls `poll` after
 * every `receive`, when a line becomes ready, and when the time that `poll` returned is over.
 */

import { PROTOCOL_VERSION } from '../../protocol/wire/opening.js';
import { MAX_WINDOW } from '../../protocol/wire/frame.js';
import type { LinkEvent } from '../../protocol/wire/link.js';
import { SCHEMA } from '../../protocol/wire/message-schema.js';
import { ERROR, FULL_HELLO, GET_HELLO, GET_INFO, HELLO, INFO } from '../../protocol/wire/messages-board.js';
import type { BoardInfo, Hello } from '../../protocol/wire/messages-board.js';
import { MAX_RUN_TOKENS } from '../../protocol/wire/messages-run.js';
import type { ModelWeights } from '../../model/integer/model-weights.js';
import type { AcceptancePolicy } from './acceptance.js';
import { Download } from './download.js';
import { FlashFailure } from './flash/nor-flash.js';
import type { NorFlash } from './flash/nor-flash.js';
import { Flashing } from './flashing.js';
import { HostLine } from './host-line.js';
import type { BoardLineOptions } from './host-line.js';
import { ImageStore, type MakeModel } from './image-store.js';
import { Inference } from './inference.js';
import { Refusal } from './refusal.js';
import { handler, mapReply, reply } from './request.js';
import { stateRequests } from './state-requests.js';
import type { Handler, HandlerGroup, Reply } from './request.js';

/** Who the board is: printable ASCII, 1 … 64 characters each. */
export interface BoardIdentity {
  /** Kind of board, such as `virtual`. */
  readonly board: string;
  readonly serial: string;
  readonly firmware: string;
}

export interface BoardOptions {
  readonly identity: BoardIdentity;
  readonly flash: NorFlash;
  readonly slots: 1 | 2;
  readonly policy: AcceptancePolicy;
  /** Another one with every start, 0 … 2³² − 1. */
  readonly bootNonce: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Requests it can hold, and so the window that it announces, 1 … 32. */
  readonly window?: number;
  /** Requests beyond the base table. */
  readonly groups?: readonly HandlerGroup[];
  /** See {@link ImageStoreOptions}. */
  readonly makeModel?: MakeModel;
  /** For tests of conformance tests: changes weights after they were checked. */
  readonly damage?: (weights: ModelWeights) => void;
}

/** A request that is being carried out in steps. */
interface Task {
  readonly type: number;
  readonly steps: Generator<void, Reply | undefined>;
  /** Number of the session that asked. */
  readonly session: number;
}

/** One of the lines of a board, for whoever owns the wire. */
export interface BoardLine {
  /** Takes bytes of the host. Never throws because of them. */
  receive(bytes: Uint8Array): void;
  /** The wire is gone for good, and with it the session if it was on this line. */
  unplug(): void;
}

const FLASH_BUSY = 0xffff_ffff;

export class Board {
  readonly images: ImageStore;
  /** Images that come over USB rather than on a line. The owner calls `poll` after every call of it. */
  readonly download: Download;
  readonly #options: BoardOptions;
  readonly #window: number;
  readonly #startedAtMs: number;
  readonly #inference: Inference;
  readonly #flashing: Flashing;
  readonly #handlers: ReadonlyMap<number, Handler>;
  readonly #lines = new Set<HostLine>();
  /** The line whose host the board serves. */
  #session: HostLine | undefined;
  /** Waits for the end of a request of the session before, which may change the image. */
  #isHelloDue = false;
  #inbox: Reply[] = [];
  #outbox: Reply[] = [];
  /** Sessions so far: who asked for what takes longer. */
  #sessions = 0;
  #task: Task | undefined;
  /** The flash is at work until then. */
  #busyUntilMs = -Infinity;

  /** Starts the board: checks and starts the image in its flash, if there is one. @throws PowerLost */
  constructor(options: BoardOptions) {
    this.#options = options;
    this.#window = options.window ?? MAX_WINDOW;
    this.#startedAtMs = options.now();
    this.images = new ImageStore(options);
    for (const _ of this.images.boot());
    this.#inference = new Inference(this.images);
    this.#flashing = new Flashing(this.images, options.flash.sectorBytes);
    this.download = new Download({
      images: this.images,
      sectorBytes: options.flash.sectorBytes,
      now: options.now,
      take: () => this.#takeForDownload(),
    });
    const groups = [stateRequests(this.#inference), ...(options.groups ?? [])];
    const capabilities = groups.map(({ group }) => group.name).toSorted();
    const handlers = [
      handler(GET_HELLO, () => mapReply(FULL_HELLO, { ...this.#identity(), capabilities }), { duringRun: true }),
      handler(GET_INFO, () => mapReply(INFO, this.#info()), { duringRun: true }),
      ...this.#inference.handlers,
      ...this.#flashing.handlers,
      ...groups.flatMap((entry) => entry.handlers),
    ];
    this.#handlers = new Map(handlers.map((entry) => [entry.type, entry]));
    this.#waitForFlash();
  }

  addLine(options: BoardLineOptions): BoardLine {
    const line: HostLine = new HostLine({
      ...options,
      now: this.#options.now,
      board: this.#options.identity.board,
      room: () => this.#window - (this.#session === line ? this.#inbox.length : 0),
      onEvent: (event) => this.#onEvent(line, event),
      heldElsewhereMs: () =>
        this.#session === undefined || this.#session === line ? undefined : this.#session.silentMs,
    });
    this.#lines.add(line);
    return {
      receive: (bytes) => line.receive(bytes),
      unplug: () => {
        this.#lines.delete(line);
        if (this.#session === line) this.#endSession();
      },
    };
  }

  /** Milliseconds for which the flash is still at work. */
  get busyMs(): number {
    return Math.max(0, Math.ceil(this.#busyUntilMs - this.#options.now()));
  }

  /** Who the board is, and what it can take: the first message of a session, and the answer over USB. */
  hello(): Reply {
    return mapReply(HELLO, this.#identity());
  }

  #identity(): Hello {
    const { identity, flash, slots, policy, bootNonce } = this.#options;
    const { running } = this.images;
    return {
      protocol: PROTOCOL_VERSION,
      schema: SCHEMA,
      ...identity,
      bootNonce,
      limits: {
        ...policy.limits,
        imageBytes: this.images.slots.bytes,
        promptTokens: MAX_RUN_TOKENS,
        window: this.#window,
      },
      ...(policy.signer && { signer: policy.signer }),
      minimumRevision: policy.minimumRevision,
      sectorBytes: flash.sectorBytes,
      slots,
      ...(running && {
        image: {
          name: running.view.manifest.name,
          sha256: running.view.seal.sha256,
          revision: running.view.revision,
          confirmed: running.confirmed,
          ...running.view.shape,
        },
      }),
    };
  }

  /**
   * Does what is due and a few milliseconds of work, and returns after how many whole milliseconds there is more:
   * infinity if there is nothing.
   *
   * @throws PowerLost
   */
  poll(): number {
    this.#pollLines();
    const { busyMs } = this;
    if (busyMs > 0) return Math.min(busyMs, this.#pollLines());
    this.#work();
    this.#waitForFlash();
    const waitMs = this.#pollLines();
    return this.#hasWork ? 0 : waitMs;
  }

  #pollLines(): number {
    let waitMs = Infinity;
    for (const line of this.#lines) waitMs = Math.min(waitMs, line.poll());
    return waitMs;
  }

  #onEvent(line: HostLine, event: LinkEvent): void {
    switch (event.kind) {
      case 'opened':
        this.#endSession();
        this.#session = line;
        line.onSession(true);
        this.#sessions++;
        this.#isHelloDue = true;
        break;
      case 'message':
        if (this.#session === line) this.#inbox.push({ type: event.type, payload: event.payload });
        break;
      case 'closed':
        if (this.#session === line) this.#endSession();
        break;
      case 'text':
        break;
    }
  }

  /** A request that is being carried out goes on to its end, but nobody gets the answer. */
  #endSession(): void {
    this.#session?.onSession(false);
    this.#session = undefined;
    this.#isHelloDue = false;
    this.#inbox = [];
    this.#outbox = [];
    this.#inference.detach();
    this.#flashing.abandon();
  }

  /** Requests wait while an answer does, so that a host which does not read gathers nothing here. */
  get #canAnswer(): boolean {
    return !this.#isHelloDue && this.#outbox.length === 0 && this.#session !== undefined;
  }

  get #hasWork(): boolean {
    if (this.#task !== undefined || this.download.hasWork || this.#inference.hasWork) return true;
    return this.#canAnswer && this.#inbox.length > 0;
  }

  /** One slice: a step of a request, a request, or a token. */
  #work(): void {
    this.#sendWaiting();
    if (this.#task !== undefined) this.#stepTask(this.#task);
    else if (this.download.hasWork) this.#stepDownload();
    else if (this.#canAnswer && this.#inbox.length > 0) this.#carryOut(this.#inbox.shift()!);
    else if (this.#inference.hasWork) this.#inference.work();
    this.#sendWaiting();
  }

  /**
   * Answers first, then what the run has to say. Tokens stay with the run until they can go out: on a line that is
   * slower than the board the link would always be full of them, and an answer would never come to its turn.
   */
  #sendWaiting(): void {
    for (;;) {
      const session = this.#session;
      if (session?.canSend !== true) return;
      if (this.#isHelloDue) {
        if (this.#task !== undefined) return;
        this.#isHelloDue = false;
        this.#outbox.push(...session.greeting(this.hello()));
      }
      const next = this.#outbox.shift() ?? (session.sendsNow ? this.#inference.takeReply() : undefined);
      if (next === undefined) return;
      session.send(next);
    }
  }

  #carryOut({ type, payload }: Reply): void {
    const outcome = orRefusal(type, () => {
      const entry = this.#handlers.get(type);
      if (entry === undefined) throw new Refusal('unknownRequest');
      if (!entry.duringRun) this.#checkFree(type);
      return entry.handle(payload);
    });
    if (outcome === undefined) return;
    if ('next' in outcome) this.#task = { type, steps: outcome, session: this.#sessions };
    else this.#outbox.push(outcome);
  }

  #stepTask({ type, steps, session }: Task): void {
    const step = orRefusal(type, () => steps.next());
    const isRefused = 'payload' in step;
    if (!isRefused && step.done !== true) return;
    this.#task = undefined;
    const answer = isRefused ? step : step.value;
    if (session === this.#sessions && this.#session !== undefined) {
      if (answer !== undefined) this.#outbox.push(answer);
    } else {
      this.#flashing.abandon();
    }
  }

  #stepDownload(): void {
    const { running } = this.images;
    this.download.work();
    if (this.images.running === running || this.#session === undefined) return;
    // Its host has been told of another image; it opens the next session by itself.
    this.#session.close();
    this.#endSession();
  }

  /** A run that no session belongs to any more makes way for a download; everything else is in its way. */
  #takeForDownload(): void {
    const { run, isRunning } = this.#inference;
    if (this.#task !== undefined || this.#flashing.isActive) throw new Refusal('busy', FLASH_BUSY);
    if (isRunning && run !== undefined && this.#session !== undefined) throw new Refusal('busy', run.id);
    this.#inference.endRun();
  }

  /** What may not happen during a run, nor what is no part of it during a flash. */
  #checkFree(type: number): void {
    if (this.download.isActive && !this.download.isSilent) throw new Refusal('busy', FLASH_BUSY);
    if (this.download.isActive) this.download.displace(new Refusal('busy', FLASH_BUSY));
    const { run } = this.#inference;
    if (this.#inference.isRunning && run !== undefined) throw new Refusal('busy', run.id);
    const isFlashing = this.#flashing.handlers.some((entry) => entry.type === type);
    if (this.#flashing.isActive && !isFlashing) throw new Refusal('busy', FLASH_BUSY);
  }

  #waitForFlash(): void {
    const spentMs = this.#options.flash.takeSpentMs();
    if (spentMs > 0) this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#options.now()) + spentMs;
  }

  #info(): BoardInfo {
    const { run, isRunning } = this.#inference;
    const statistics = this.#session?.statistics;
    const isFlashing = this.#flashing.isActive || this.download.isActive;
    const state = isFlashing ? 'flashing' : !isRunning ? 'idle' : run?.isWaiting ? 'waiting' : 'running';
    return {
      uptimeMs: Math.floor(this.#options.now() - this.#startedAtMs),
      steps: this.#inference.steps,
      state,
      ...(run && { run: { run: run.id, nextIndex: run.nextIndex } }),
      link: {
        framesIn: statistics?.framesReceived ?? 0,
        framesOut: statistics?.framesSent ?? 0,
        bytesIn: statistics?.bytesReceived ?? 0,
        bytesOut: statistics?.bytesSent ?? 0,
        badFrames: Object.values(statistics?.bad ?? {}).reduce((sum, count) => sum + count, 0),
        repeats: statistics?.repeats ?? 0,
      },
    };
  }
}

/** What `carryOut` gives, or the message for its refusal. */
function orRefusal<T>(request: number, carryOut: () => T): T | Reply {
  try {
    return carryOut();
  } catch (error) {
    const refusal = error instanceof FlashFailure ? new Refusal('flashFailed', error.offset) : error;
    if (!(refusal instanceof Refusal)) throw error;
    const [factA, factB] = refusal.facts;
    return reply(ERROR, { code: refusal.code, request, factA, factB });
  }
}
