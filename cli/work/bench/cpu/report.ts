/** What `mmfree bench cpu` says of what it measured. */
import { availableParallelism, cpus } from 'node:os';
import type { CommandContext } from '../../../command.js';
import type { JsonObject } from '../../../output.js';
import { megabytes } from '../../image-facts.js';
import type { EventLoopDelay } from './event-loop-delay.js';
import type { Peer } from './peer.js';
import type { Measure, Measured } from '../rounds.js';
import { counted } from '../../../../protocol/counted.js';

/** Of a weight, as the kernels read it. */
const WEIGHT_BITS = 2;

/** What is measured with a number of threads. */
export interface Case extends Measure {
  readonly what: 'decode' | 'prefill' | 'read' | 'peer' | 'reference';
  readonly threads: number;
  /** Sequences, or tokens of a prompt. */
  readonly size: number;
}

type Found = Measured<Case>;

/** What is known beside the rates. */
export interface Circumstances {
  readonly name: string;
  /** The kernels. */
  readonly family: string;
  readonly equalReceipts: number;
  readonly firstToken: number;
  readonly resident: number;
  /** Of the thread that asks, while as many threads as possible decode. */
  readonly delay: EventLoopDelay;
  /** Processes that ran or waited when the measuring began: 0 on a quiet computer. */
  readonly load: number;
  readonly peer: Pick<Peer, 'name' | 'type'> | undefined;
  readonly weights: number;
}

export function reportCpu(found: readonly Found[], known: Circumstances, { output }: CommandContext): void {
  const { name, family, equalReceipts, firstToken, resident, delay, load, peer, weights } = known;
  const all = (what: Case['what']): Found[] => found.filter((one) => one.what === what);
  const best = (rates: readonly Found[]): number => Math.max(...rates.map(({ rate }) => rate.perSecond));
  const decode = all('decode').toSorted((a, b) => a.threads - b.threads || a.size - b.size);
  const single = decode.filter(({ size }) => size === 1);
  const reads = all('read');
  const readBy = (count: number): number => best(reads.filter(({ threads }) => threads === count));
  const [reference] = all('reference');
  const referenceRate = reference?.rate.perSecond ?? NaN;
  const peers = all('peer');
  const bestOwn = best(single);
  const ratio = peers.length > 0 ? bestOwn / best(peers) : undefined;
  const weightBytes = (weights * WEIGHT_BITS) / 8;
  const processor = `${cpus()[0]?.model ?? 'a processor'}, ${availableParallelism()} cores`;

  const rate = ({ rate: { perSecond, processorMs } }: Found): string =>
    `${perSecond.toLocaleString('en-US', { maximumFractionDigits: perSecond < 100 ? 1 : 0 }).padStart(7)} tokens/s, ${processorMs.toFixed(2)} ms of processor a token`;
  const threadText = (count: number): string => counted(count, 'thread').padEnd(11);
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB/s`;
  const ofRead = ({ threads, rate: { perSecond } }: Found): string => {
    const bytes = weightBytes * perSecond;
    return `${gigabytes(bytes)} of weights, ${((100 * bytes) / readBy(threads)).toFixed(0)} % of a read (${gigabytes(readBy(threads))})`;
  };
  output.print(
    [
      `${name} on the processor: ${weights.toLocaleString('en-US')} ternary weights a token`,
      `  ${processor}, Node ${process.version}, kernels ${family}, load ${load.toFixed(2)} at the beginning`,
      `  ${equalReceipts} receipts equal to the reference's`,
      `  start      ${firstToken.toFixed(0)} ms from the shell to the first token, file in the page cache, checked in full`,
      `  memory     ${megabytes(resident)} beyond an empty Node process`,
      `  event loop ${delay.p99Ms.toFixed(1)} ms late (99 of 100 times less), ${delay.longestMs.toFixed(1)} ms at most, while it decodes`,
      ...decode.map(
        (one) => `  decode     ${threadText(one.threads)} batch ${String(one.size).padEnd(4)} ${rate(one)}`,
      ),
      ...all('prefill').map(
        (one) => `  prompt     ${threadText(one.threads)} of ${String(one.size).padEnd(7)} ${rate(one)}`,
      ),
      ...single.map((one) => `  weights    ${threadText(one.threads)} ${ofRead(one)}`),
      `  reference  ${threadText(1)} batch 1    ${reference === undefined ? '' : rate(reference)}: ${(bestOwn / referenceRate).toFixed(1)} times as slow`,
      ...peers.map((one) => `  peer       ${threadText(one.threads)} batch 1    ${rate(one)}`),
      ...(ratio === undefined ? [] : [`  ratio      ${ratio.toFixed(2)} of the best of ${peer?.name}, ${peer?.type}`]),
      '',
    ].join('\n'),
  );
  const facts = ({ threads, size, rate: { perSecond, processorMs } }: Found, sizeKey: string): JsonObject => ({
    threads,
    [sizeKey]: size,
    tokens_per_second: perSecond,
    processor_ms_per_token: processorMs,
  });
  output.result({
    model: name,
    kernels: family,
    processor,
    node: process.version,
    load_average: load,
    ternary_weights: weights,
    equal_receipts: equalReceipts,
    first_token_ms: firstToken,
    resident_bytes: resident,
    event_loop_delay_ms: { p99: delay.p99Ms, longest: delay.longestMs },
    decode: decode.map((one) => facts(one, 'batch')),
    prefill: all('prefill').map((one) => facts(one, 'tokens')),
    weight_bytes: weightBytes,
    weight_bytes_per_second: weightBytes * bestOwn,
    read_bytes_per_second: best(reads),
    reads: reads.map(({ threads, rate: { perSecond } }) => ({ threads, bytes_per_second: perSecond })),
    reference_tokens_per_second: referenceRate,
    times_reference: bestOwn / referenceRate,
    peer: peers.map(({ threads, rate: { perSecond, processorMs } }) => ({
      type: peer?.type ?? '',
      threads,
      tokens_per_second: perSecond,
      processor_ms_per_token: processorMs,
    })),
    peer_name: peer?.name ?? null,
    ratio: ratio ?? null,
  });
}
