/** `mmfree vectors`: the work. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { checkOutputs, writeOutput } from '../../model/files/output-file.js';
import { loadChecked } from '../../model/check-image.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import { primitiveVectors, randomTokens, tokenLines, type VectorFile } from '../../model/integer/vectors/vectors.js';
import { traceLines } from '../../model/program/trace.js';
import type { CommandContext } from '../command.js';
import { imageOrShipped } from './shipped.js';
import { hexOf } from '../../protocol/hex.js';

interface VectorsInput {
  readonly output: string;
  readonly image: string | undefined;
  readonly tokens: number;
  readonly trace: number;
  readonly count: number;
  readonly seed: number;
}

export async function vectors(input: VectorsInput, { output, signal }: CommandContext): Promise<void> {
  const path = imageOrShipped(input.image, output);
  const image = await loadChecked(path, signal);
  const progress = output.progress({ label: 'vectors', unit: 'tokens', total: input.tokens });
  let done = 0;
  function* counted(lines: Iterable<string>): Generator<string> {
    for (const line of lines) {
      progress.update(++done);
      yield line;
    }
  }
  const { shape } = image.view;
  const weights = image.residentWeights();
  const tokens = (count: number): Iterable<number> => randomTokens(shape, input.seed, count);
  const files: VectorFile[] = [
    ...primitiveVectors(input.seed, input.count),
    {
      name: 'tokens.jsonl',
      format: 'per token its id, CRC-32 of the residual after embedding and each layer, CRC-32 of the logits (JSON)',
      lines: counted(tokenLines(readModelWeights(weights), tokens(input.tokens))),
    },
  ];
  if (input.trace > 0) {
    files.push({
      name: 'trace.txt',
      format: 'what the gateware holds after each instruction (docs/GATEWARE.md, section 7)',
      lines: traceLines(image.view, weights, tokens(input.trace)),
    });
  }
  await makeFolder(input.output);
  // Written last, so that where there is one, it describes the files beside it.
  const indexPath = join(input.output, 'index.txt');
  const inputs = [path];
  await checkOutputs([indexPath, ...files.map(({ name }) => join(input.output, name))], inputs);
  await rm(indexPath, { force: true });
  const index = [
    'Vectors of the integer model (docs/ARITHMETIC.md), by the reference implementation of mmfree.',
    `seed ${input.seed}, image ${hexOf(image.view.seal.sha256)}`,
    'Numbers in .hex files are two’s complement, hexadecimal, without prefix; fields are separated by a space.',
    '',
  ];
  for (const { name, format, lines } of files) {
    const all = await collect(lines, signal);
    await writeOutput(join(input.output, name), `${all.join('\n')}\n`, { inputs });
    index.push(`${name}: ${all.length} lines: ${format}`);
    output.event('file', { name, lines: all.length });
  }
  await writeOutput(indexPath, `${index.join('\n')}\n`, { inputs });
  image.close();
  progress.end();
  output.print(`${index.slice(4).join('\n')}\n`);
  output.result({ folder: input.output, files: files.map(({ name }) => name) });
}

/** All lines, with a pause each tenth of a second, so that Ctrl-C is heard. */
async function collect(lines: Iterable<string>, signal: AbortSignal): Promise<string[]> {
  const all: string[] = [];
  let pausedMs = performance.now();
  for (const line of lines) {
    all.push(line);
    if (performance.now() - pausedMs < 100) continue;
    await setImmediate();
    signal.throwIfAborted();
    pausedMs = performance.now();
  }
  return all;
}

/** Makes a folder in an existing one. Not with `recursive`: see model/files/make-folder.ts. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
