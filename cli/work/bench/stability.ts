/** Whether a machine lasts: many loads and unloads, then many tokens, with an eye on the memory. */
import { setImmediate } from 'node:timers/promises';
import type { Machine } from '../../../model/machine/machine.js';
import type { CommandContext } from '../../command.js';
import { megabytes } from '../image-facts.js';
import { generateTokens } from './sequences.js';

/** Cycles until everything that is made once is there, at most. */
const WARM_UP_CYCLES = 3;
const TOKENS_OF_A_CYCLE = 20;

/** Bytes in use, by what has them; undefined where nobody can tell. */
type Memory = Readonly<Record<string, number | undefined>>;

/** What is tried. */
export interface Lasting {
  /** For people: the image, and where. */
  readonly title: string;
  open(): Promise<Machine>;
  /** Memory beside this process's. */
  memory(): Memory;
}

/** Prints by how much memory has grown. @throws what `open` and the machine throw; AbortError */
export async function benchStability(
  lasting: Lasting,
  cycles: number,
  tokens: number,
  { output, signal }: CommandContext,
): Promise<void> {
  const loading = output.progress({ label: 'load and unload', unit: 'cycles', total: cycles });
  const warmUp = Math.min(WARM_UP_CYCLES, cycles);
  let first: Memory = {};
  for (let cycle = 0; cycle < cycles + warmUp; cycle++) {
    const machine = await lasting.open();
    await generateTokens([await machine.open()], machine.facts.shape, TOKENS_OF_A_CYCLE, signal);
    await machine.close();
    if (cycle === warmUp - 1) first = await memoryOf(lasting);
    loading.update(Math.max(0, cycle + 1 - warmUp));
  }
  loading.end();
  const afterCycles = grown(first, await memoryOf(lasting));

  const machine = await lasting.open();
  const { shape } = machine.facts;
  const generating = output.progress({ label: 'generate', unit: 'tokens', total: tokens });
  const sequences = [await machine.open()];
  await generateTokens(sequences, shape, TOKENS_OF_A_CYCLE, signal);
  const before = await memoryOf(lasting);
  const startMs = performance.now();
  await generateTokens(sequences, shape, tokens, signal, (count) => generating.update(count));
  const tokensPerSecond = (1000 * tokens) / (performance.now() - startMs);
  const afterTokens = grown(before, await memoryOf(lasting));
  generating.end();
  await machine.close();

  output.print(
    [
      lasting.title,
      `  ${cycles} times loaded and unloaded: memory grown by ${inWords(afterCycles)}`,
      `  ${tokens} tokens at ${tokensPerSecond.toFixed(0)} tokens/s: memory grown by ${inWords(afterTokens)}`,
      '',
    ].join('\n'),
  );
  output.result({
    cycles,
    ...asFacts('cycles', afterCycles),
    tokens,
    tokens_per_second: tokensPerSecond,
    ...asFacts('tokens', afterTokens),
  });
}

async function memoryOf(lasting: Lasting): Promise<Memory> {
  // What is free is given back first, where Node was started with --expose-gc.
  await setImmediate();
  globalThis.gc?.();
  return { host: process.memoryUsage().rss, ...lasting.memory() };
}

function grown(before: Memory, after: Memory): Memory {
  return Object.fromEntries(
    Object.entries(after).map(([name, bytes]) => {
      const earlier = before[name];
      return [name, bytes === undefined || earlier === undefined ? undefined : bytes - earlier];
    }),
  );
}

function inWords(memory: Memory): string {
  const known = Object.entries(memory).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return known.map(([name, bytes]) => `${name} ${megabytes(bytes)}`).join(', ');
}

function asFacts(what: string, memory: Memory): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(memory).map(([name, bytes]) => [`${what}_${name}_bytes_grown`, bytes ?? null]),
  );
}
