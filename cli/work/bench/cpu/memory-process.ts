/**
 * A process that only loads a model and generates: what it has in memory then, nothing of a benchmark is in it. `cpu-memory.ts` starts it.
 *
 * Arguments: kind of machine, path of the image, threads, tokens. It prints the bytes.
 */
import { setImmediate } from 'node:timers/promises';
import { openCpuMachine } from '../../../../engine/kinds/cpu.js';
import { generateTokens } from '../sequences.js';

const [image, threads, tokens] = process.argv.slice(2);
const { signal } = new AbortController();
const { machine } = await openCpuMachine({ image, threads: Number(threads) }, { signal });
await generateTokens([await machine.open()], machine.shape, Number(tokens), signal);
await setImmediate();
process.stdout.write(String(process.memoryUsage().rss));
await machine.close();
