/** From the shell to the help and to the first token, against an empty Node process. */
import { spawn } from 'node:child_process';
import { openChecked } from '../../../model/check-image.js';
import { packageFile } from '../../../model/package-file.js';
import type { CommandContext } from '../../command.js';
import { EXIT } from '../../exit-codes.js';
import { median, type BenchInput } from './input.js';
import { imageOrShipped } from '../shipped.js';

const RUNS = 11;
export const MAIN = packageFile('dist/cli/main.js');

export async function benchStartUp(input: BenchInput, { output, signal }: CommandContext): Promise<void> {
  const { backend = 'cpu', runs = RUNS } = input;
  const image = imageOrShipped(input.image, output);
  // What is wrong with it is said here; the processes below would only end with a code.
  (await openChecked(image, signal)).close();
  const cases = {
    empty_node: ['-e', '0'],
    help: [MAIN, '--help'],
    first_token: [
      MAIN,
      'run',
      '--json',
      '--max-tokens',
      '1',
      '--image',
      image,
      '--backend',
      backend,
      'Once upon a time',
    ],
  };
  const times: Record<keyof typeof cases, number[]> = { empty_node: [], help: [], first_token: [] };
  for (let run = 0; run < runs; run++) {
    // In turn, so that a slow moment of the machine meets all of them.
    times.empty_node.push(await millisecondsTo(cases.empty_node, undefined, signal));
    times.help.push(await millisecondsTo(cases.help, 'Usage', signal));
    times.first_token.push(await millisecondsTo(cases.first_token, '"type":"token"', signal));
  }
  const [node, help, first] = [median(times.empty_node), median(times.help), median(times.first_token)];
  output.print(
    [
      `start-up, median of ${runs}, Node ${process.version}`,
      `  empty Node process        ${node.toFixed(0)} ms`,
      `  mmfree --help             ${help.toFixed(0)} ms until its text (${(help / node).toFixed(2)} times)`,
      `  mmfree run, first token   ${first.toFixed(0)} ms (${(first / node).toFixed(2)} times), ${backend}`,
      '',
    ].join('\n'),
  );
  output.result({ empty_node_ms: node, help_ms: help, first_token_ms: first, backend });
}

/** Time from starting a Node process to `text` on its stdout, or to its end. @throws Error if it ends without */
export function millisecondsTo(
  args: readonly string[],
  text: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
    let seen = '';
    let doneMs = text === undefined ? 0 : NaN;
    child.stdout.on('data', (piece: Buffer) => {
      seen += piece.toString();
      if (text !== undefined && Number.isNaN(doneMs) && seen.includes(text)) doneMs = performance.now() - startMs;
    });
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      // Ctrl-C goes to this process and to the child, which may be the first to end.
      if (code === EXIT.interrupted || killedBy === 'SIGINT') reject(new DOMException('interrupted', 'AbortError'));
      else if (code !== 0 || Number.isNaN(doneMs)) reject(new Error(`${args.join(' ')} ended with ${code}`));
      else resolve(text === undefined ? performance.now() - startMs : doneMs);
    });
  });
}
