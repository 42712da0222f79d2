/**
 * Speed and memory of a model on this computer's processor: a synthetic image of a published shape, or any image.
 * Beside it, in the same minutes, the reference, reads of memory by as many threads, and another engine if there is
 * one.
 */
import { availableParallelism, loadavg } from 'node:os';
import { openReference } from '../../../../engine/kinds/reference.js';
import type { OpenedImage } from '../../../../engine/opened-machine.js';
import { MAX_THREADS } from '../../../../model/backends/cpu/layout.js';
import { MemoryReader } from '../../../../model/backends/cpu/node/memory-reader.js';
import type { Machine } from '../../../../model/machine/machine.js';
import { ternaryWeights } from '../../../../protocol/image/tensors.js';
import type { CommandContext } from '../../../command.js';
import { eventLoopDelay } from './event-loop-delay.js';
import { fastestFamily, openExact } from './exact-machine.js';
import { firstTokenMs, residentBytes } from './first-token.js';
import { reportCpu, type Case } from './report.js';
import { decodeRate, prefillRate } from '../speed.js';
import { expectSameBatch, expectSamePrompt, expectSameTokens } from '../equality.js';
import type { BenchInput } from '../input.js';
import { expectPeer, Peer } from './peer.js';
import { inTurn, rateOf, type Rate } from '../rounds.js';
import { upTo } from '../sequences.js';
import { benchStability } from '../stability.js';
import { withBenchImage } from '../synthetic-image.js';

const RUNS = 5;
/** The reference is slow: it gets a share of the tokens. */
const REFERENCE_SHARE = 20;
const LONGEST_PROMPT = 512;
const LARGEST_BATCH = 8;

export async function benchCpu(input: BenchInput, context: CommandContext): Promise<void> {
  // Before the work of minutes.
  if (input.peer !== undefined) expectPeer(input.peer);
  await withBenchImage(input, context, async (path, name) => {
    if (input.cycles === undefined) await benchImage(path, name, input, context);
    else await benchLasting(path, input, input.cycles, context);
  });
}

async function benchLasting(path: string, input: BenchInput, cycles: number, context: CommandContext): Promise<void> {
  const { signal } = context;
  const threads = Math.max(...threadCounts(input));
  const setting = { family: await fastestFamily(path, signal), threads };
  const lasting = {
    title: `${path} on the processor, threads: ${threads}`,
    open: async () => await openExact(path, setting, signal),
    memory: () => ({}),
  };
  await benchStability(lasting, cycles, input.tokens, context);
}

async function benchImage(path: string, name: string, input: BenchInput, context: CommandContext): Promise<void> {
  const { signal, output } = context;
  const { tokens, runs = RUNS, prompt: longest = LONGEST_PROMPT, batch: largest = LARGEST_BATCH } = input;
  const counts = threadCounts(input);
  const most = Math.max(...counts);
  const prompts = upTo(longest, [16, 4, 1]);
  const batches = upTo(largest, [largest, 4, 1]);
  const load = loadavg()[0] ?? NaN;
  const closers: (() => unknown)[] = [];
  try {
    const reference = await openReference({ image: path }, { signal });
    const { shape } = reference.machine.facts;
    const peer = input.peer === undefined ? undefined : await Peer.start(input.peer, shape, most, signal);
    closers.push(() => peer?.close());
    const machines = new Map<number, Machine>();
    const family = await fastestFamily(path, signal);
    for (const threads of counts) {
      const machine = await openExact(path, { family, threads }, signal);
      closers.push(() => machine.close());
      machines.set(threads, machine);
    }
    const equalReceipts = await expectEqual([...machines.values()], reference, longest, batches, signal);
    const firstToken = await firstTokenMs(path, 'cpu', runs, signal);
    const resident = await residentBytes(path, { family, threads: most }, tokens, signal);
    const reader = await MemoryReader.create(most);
    closers.push(() => reader.close());
    const each = (what: Case['what'], sizes: readonly number[], measure: Measuring): Case[] =>
      [...machines].flatMap(([threads, machine]) =>
        sizes.map((size) => ({ what, threads, size, measure: () => measure(machine, size) })),
      );
    const alone = (what: Case['what'], measure: (threads: number) => Promise<Rate>): Case[] =>
      counts.map((threads) => ({ what, threads, size: 1, measure: () => measure(threads) }));
    const decode: Measuring = (machine, batch) => {
      return decodeRate(machine, batch, Math.ceil(tokens / Math.sqrt(batch)), signal);
    };
    // The last one has the most threads.
    const delay = await eventLoopDelay(async () => {
      for (const machine of [...machines.values()].slice(-1)) await decode(machine, 1);
    });
    const few = Math.ceil(tokens / REFERENCE_SHARE);
    const compared: Case[] = [
      ...each('decode', [1], decode),
      ...(peer === undefined ? [] : alone('peer', (threads) => peer.decode(threads, tokens))),
      ...alone('read', (threads) => rateOf(() => reader.read(threads))),
      { what: 'reference', threads: 1, size: 1, measure: () => decodeRate(reference.machine, 1, few, signal) },
    ];
    const shown = [
      ...each('decode', batches.slice(1), decode),
      ...each('prefill', prompts, (machine, length) => prefillRate(machine, length, signal)),
    ];
    // What is not compared with others needs fewer.
    const runsShown = Math.ceil(runs / 2);
    const progress = output.progress({ label: 'bench', unit: 'rounds', total: runs + runsShown });
    let done = 0;
    const onRound = (): void => progress.update(++done);
    const found = [...(await inTurn(compared, runs, onRound)), ...(await inTurn(shown, runsShown, onRound))];
    progress.end();
    reportCpu(
      found,
      { name, family, equalReceipts, firstToken, resident, delay, load, peer, weights: ternaryWeights(shape) },
      context,
    );
  } finally {
    for (const close of closers) await close();
  }
}

type Measuring = (machine: Machine, size: number) => Promise<Rate>;

/** Those that the user names, or 1, 2, 4 and so on, and as many as there are cores. */
function threadCounts({ threads }: Pick<BenchInput, 'threads'>): readonly number[] {
  if (threads !== undefined) return threads;
  const cores = Math.min(MAX_THREADS, availableParallelism());
  const powers = Array.from({ length: Math.ceil(Math.log2(cores)) }, (_, k) => 2 ** k);
  return [...powers, cores];
}

/** @returns receipts that were compared @throws MismatchError; AbortError */
async function expectEqual(
  machines: readonly Machine[],
  reference: OpenedImage,
  longestPrompt: number,
  batches: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  let equal = 0;
  // The reference needs a second for a token of the 2.7B shape: it judges one, which judges the others.
  let judge = reference.machine;
  for (const machine of machines) {
    equal += await expectSameTokens(machine, judge, reference.view.manifest, signal);
    equal += await expectSamePrompt(machine, longestPrompt);
    for (const batch of batches) if (batch > 1) equal += await expectSameBatch(machine, batch, signal);
    judge = machine;
  }
  return equal;
}
