/**
 * A process that only loads a model and generates: what it has in memory then, nothing of a benchmark is in it.
 * `first-token.ts` starts it.
 *
 * Arguments: path of the image, kernels, threads, tokens. It prints the bytes.
 */
import { setImmediate } from 'node:timers/promises';
import { FAMILIES } from '../../../../model/backends/cpu/kernels.js';
import { openExact } from './exact-machine.js';
import { generateTokens } from '../sequences.js';

const [image, kernels, threads, tokens] = process.argv.slice(2);
const family = FAMILIES.find((name) => name === kernels) ?? FAMILIES[0];
const { signal } = new AbortController();
const machine = await openExact(image!, { family, threads: Number(threads) }, signal);
await generateTokens([await machine.open()], machine.shape, Number(tokens), signal);
await setImmediate();
process.stdout.write(String(process.memoryUsage().rss));
await machine.close();
