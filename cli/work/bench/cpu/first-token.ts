/** What a model on the processor has in memory, and when its first token comes: of processes that do nothing else. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CpuSetting } from '../../../../model/backends/cpu/cpu-messages.js';
import { programFile } from '../../../../model/program-file.js';
import { median } from '../input.js';
import { MAIN, millisecondsTo } from '../start-up.js';

const MEMORY_PROCESS = programFile('cli/work/bench/cpu/memory-process.js');

/**
 * Bytes that a process has in memory after so many tokens, beyond those of an empty Node process.
 *
 * @throws Error if the process fails; AbortError
 */
export async function residentBytes(
  image: string,
  { family, threads }: CpuSetting,
  tokens: number,
  signal: AbortSignal,
): Promise<number> {
  const program = [MEMORY_PROCESS, image, family, String(threads), String(tokens)];
  const empty = ['-e', 'process.stdout.write(String(process.memoryUsage().rss))'];
  return (await printedNumber(program, signal)) - (await printedNumber(empty, signal));
}

async function printedNumber(args: readonly string[], signal: AbortSignal): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { signal });
  return Number(stdout);
}

/**
 * From the shell to the first sampled token, the image checked in full; the median of several.
 *
 * @throws Error if one fails; AbortError
 */
export async function firstTokenMs(image: string, backend: string, runs: number, signal: AbortSignal): Promise<number> {
  const options = ['--json', '--image', image, '--backend', backend, '--max-tokens', '1', '--ids', '0'];
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    times.push(await millisecondsTo([MAIN, 'run', ...options], '"type":"token"', signal));
  }
  return median(times);
}
