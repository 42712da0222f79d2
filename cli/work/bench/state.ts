/**
 * A board's state on the wire, and what a power cut costs then: a virtual board in another process, over TCP of this
 * computer.
 */
import { BoardMachine } from '../../../device/board/board-machine.js';
import { BoardConnection } from '../../../device/connection.js';
import { openTcp } from '../../../device/transport/tcp-transport.js';
import { samplerSettings } from '../../../model/integer/sampler.js';
import type { Sequence } from '../../../model/machine/machine.js';
import { USUAL_SAMPLING } from '../../../protocol/sampling.js';
import { STATE_GROUP } from '../../../protocol/wire/groups/messages-state.js';
import { frameTracer, type TraceRecord } from '../../../protocol/wire/frame-trace.js';
import type { CommandContext } from '../../command.js';
import { imageOrShipped } from '../shipped.js';
import { median, type BenchInput } from './input.js';
import { startVirtualBoard, type BoardProcess } from './own-process.js';

const STATES = 200;
/** Those that come first and are not counted: the machine code is made meanwhile. */
const WARM_UP_STATES = 50;
const CUTS = 5;
/** So long the text goes on behind a cut: the board may be that far ahead when it comes. */
const TOKENS_BEHIND = 200;

export async function benchState(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const { runs = CUTS } = input;
  const cutAt = 10 * input.tokens;
  const image = imageOrShipped(input.image, output);
  const transfers = await onBoard(image, async ({ address }) => {
    const connection = await connect(address, signal);
    try {
      return await timeTransfers(connection, signal);
    } finally {
      await connection.close();
    }
  });
  const progress = output.progress({ label: 'power cuts', unit: 'rounds', total: runs });
  const cuts: CutCost[] = [];
  while (cuts.length < runs) {
    cuts.push(await onBoard(image, async (board, restart) => await timeCut(board, restart, cutAt, signal)));
    progress.update(cuts.length);
  }
  progress.end();

  const of = (key: keyof CutCost): number => median(cuts.map((cut) => cut[key]));
  const { bytes, requestMs, readMs, writeMs } = transfers;
  const mostFed = Math.max(...cuts.map(({ fedAgain }) => fedAgain));
  const restMs = median(cuts.map((cut) => cut.firstMs - cut.fedAgain * cut.tokenMs));
  const ms = (value: number): string => `${value.toFixed(2)} ms`;
  output.print(
    [
      `state of ${bytes} bytes, on a virtual board in another process over TCP of this computer`,
      `  read    ${ms(readMs)} (median of ${STATES})`,
      `  written ${ms(writeMs)}`,
      `  ${ms(requestMs)} of each are one request and its answer`,
      `power cut at token ${cutAt}, median of ${runs}`,
      `  ${of('fedAgain')} tokens fed again, ${mostFed} at most, at ${ms(of('tokenMs'))} a token`,
      `  ${ms(of('firstMs'))} from the board's HELLO to the next token, ${ms(restMs)} beside the time of these tokens`,
      '',
    ].join('\n'),
  );
  output.result({
    state_bytes: bytes,
    request_ms: requestMs,
    read_ms: readMs,
    write_ms: writeMs,
    cut_at_token: cutAt,
    fed_again: of('fedAgain'),
    most_fed_again: mostFed,
    token_ms: of('tokenMs'),
    hello_to_token_ms: of('firstMs'),
    hello_to_token_beside_tokens_ms: restMs,
  });
}

/** Lets `work` use a virtual board, which it may let start again at the same address. */
async function onBoard<T>(
  image: string,
  work: (board: BoardProcess, restart: (address: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const start = async (address: string): Promise<BoardProcess> =>
    await startVirtualBoard(['--serial-number', 'BENCH', '--image', image, '--tcp', address.replace(/^tcp:/, '')]);
  let board = await start('127.0.0.1:0');
  try {
    return await work(board, async (address) => void (board = await start(address)));
  } finally {
    board.end();
  }
}

async function connect(
  address: string,
  signal: AbortSignal,
  record: (record: TraceRecord) => void = () => {},
): Promise<BoardConnection> {
  const { hostname, port } = new URL(address.replace(/^tcp:/, 'tcp://'));
  const observer = frameTracer(record, () => performance.now());
  return await BoardConnection.open(async () => await openTcp(hostname, Number(port), signal), { signal, observer });
}

async function openText(connection: BoardConnection): Promise<{ machine: BoardMachine; sequence: Sequence }> {
  const machine = new BoardMachine(connection, { capabilities: new Set([STATE_GROUP.name]) });
  return { machine, sequence: await machine.open() };
}

/** Makes one text of so many tokens: behind its end it begins again, in the state in which it is. */
async function goOn(
  sequence: Sequence,
  { facts }: BoardMachine,
  tokens: number,
  signal: AbortSignal,
  onToken: (count: number) => void,
): Promise<void> {
  const sampler = samplerSettings(USUAL_SAMPLING);
  for (let count = 0; count < tokens;) {
    const request = { prompt: [facts.shape.bosTokenId], maxTokens: tokens - count, sampler, signal };
    for await (const _ of sequence.generate(request)) onToken(++count);
    signal.throwIfAborted();
  }
}

interface TransferCost {
  readonly bytes: number;
  readonly requestMs: number;
  readonly readMs: number;
  readonly writeMs: number;
}

async function timeTransfers(connection: BoardConnection, signal: AbortSignal): Promise<TransferCost> {
  const { machine, sequence } = await openText(connection);
  await goOn(sequence, machine, 50, signal, () => {});
  let state = await sequence.save();
  const { words } = state;
  const times: { request: number[]; read: number[]; write: number[] } = { request: [], read: [], write: [] };
  for (let count = 0; count < WARM_UP_STATES + STATES; count++) {
    signal.throwIfAborted();
    const isCounted = count >= WARM_UP_STATES;
    const time = async <T>(found: number[], work: () => Promise<T>): Promise<T> => {
      const startMs = performance.now();
      const result = await work();
      if (isCounted) found.push(performance.now() - startMs);
      return result;
    };
    // In turn, so that a slow moment of the machine meets all of them.
    await time(times.request, async () => await connection.session.info());
    await time(times.write, async () => await sequence.restore(state));
    state = await time(times.read, async () => await sequence.save());
    if (state.words.some((word, index) => word !== words[index])) throw new Error('another state came back');
  }
  return {
    bytes: words.byteLength,
    requestMs: median(times.request),
    readMs: median(times.read),
    writeMs: median(times.write),
  };
}

interface CutCost {
  /** Tokens that the new start of the board was fed until it gave one that was not known. */
  readonly fedAgain: number;
  readonly tokenMs: number;
  /** From HELLO to the next token. */
  readonly firstMs: number;
}

async function timeCut(
  board: BoardProcess,
  restart: (address: string) => Promise<void>,
  cutAt: number,
  signal: AbortSignal,
): Promise<CutCost> {
  // A token's time, once the machine code is made.
  const timedFrom = cutAt / 2;
  let hellos = 0;
  let [helloMs, fedAgain, firstMs] = [NaN, 0, NaN];
  const record = ({ name, ms, fields }: TraceRecord): void => {
    if (name === 'HELLO' && ++hellos === 2) helloMs = Number(ms);
    if (Number.isNaN(helloMs) || !Number.isNaN(firstMs)) return;
    if (name === 'STEP') fedAgain++;
    if (name === 'RUN') fedAgain += (fields as { tokens: readonly number[] }).tokens.length;
  };
  const connection = await connect(board.address, signal, record);
  let restarted: Promise<void> | undefined;
  try {
    const { machine, sequence } = await openText(connection);
    let [timedFromMs, cutMs] = [NaN, NaN];
    await goOn(sequence, machine, cutAt + TOKENS_BEHIND, signal, (count) => {
      const nowMs = performance.now();
      if (count === timedFrom) timedFromMs = nowMs;
      if (count === cutAt) {
        cutMs = nowMs;
        restarted = board.cutPower().then(async () => await restart(board.address));
      }
      if (Number.isNaN(firstMs) && nowMs > helloMs) firstMs = nowMs;
    });
    return { fedAgain, tokenMs: (cutMs - timedFromMs) / (cutAt - timedFrom), firstMs: firstMs - helloMs };
  } finally {
    await restarted;
    await connection.close();
  }
}
