/**
 * What a service makes of a machine's speed: streams of `mmfree serve` over loopback, in turn with the same machine
 * without it.
 */
import type { Machine } from '../../../model/machine/machine.js';
import { machineKind } from '../../../engine/machines.js';
import type { CommandContext } from '../../command.js';
import { engineOptions } from '../machines/engine-options.js';
import { median, type BenchInput } from './input.js';
import { startService } from './own-process.js';
import { rateOf, type Rate } from './rounds.js';
import { decodeRate } from './speed.js';
import { withBenchImage } from './synthetic-image.js';

const ROUNDS = 5;
const STREAMS = 8;

/**
 * The client works in this process: its share of the computer is counted.
 *
 * @throws what the machine throws; AbortError
 */
export async function benchServe(input: BenchInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { backend = 'cpu', batch: streams = STREAMS, runs = ROUNDS, tokens } = input;
  await withBenchImage(input, context, async (image, name) => {
    const { machine, place } = await machineKind(backend).open({ image }, engineOptions(context));
    const options = ['--image', image, '--backend', backend, '--seats', String(streams)];
    // A text that begins again would be known.
    const service = await startService([...options, '--prefix-cache', '0', '--log-level', 'warn']);
    const progress = output.progress({ label: 'measure', unit: 'rounds', total: runs });
    const alone: number[] = [];
    const withService: number[] = [];
    try {
      await servedRate(service.url, machine, streams, tokens, signal);
      while (withService.length < runs) {
        alone.push((await decodeRate(machine, streams, tokens, signal)).perSecond);
        withService.push((await servedRate(service.url, machine, streams, tokens, signal)).perSecond);
        progress.update(withService.length);
      }
    } finally {
      progress.end();
      await service.end();
      await machine.close();
    }
    const [aloneRate, serviceRate] = [median(alone), median(withService)];
    const ratio = serviceRate / aloneRate;
    output.print(
      [
        `${name} on ${place}, ${streams} streams of ${tokens} tokens, medians of ${runs} rounds in turn`,
        `  alone   ${aloneRate.toFixed(1)} tokens/s in all`,
        `  served  ${serviceRate.toFixed(1)} tokens/s, ${(100 * ratio).toFixed(1)} % of that, the client's share counted`,
        '',
      ].join('\n'),
    );
    output.result({
      machine: backend,
      streams,
      tokens,
      alone_tokens_per_second: aloneRate,
      served_tokens_per_second: serviceRate,
      ratio,
    });
  });
}

/** Streams side by side, each of so many tokens; a text that ends begins the next one. */
async function servedRate(
  url: string,
  { facts: { shape } }: Machine,
  streams: number,
  tokens: number,
  signal: AbortSignal,
): Promise<Rate> {
  return await rateOf(async () => {
    const texts = Array.from({ length: streams }, async (_, k) => {
      const prompt = [(shape.bosTokenId + k) % shape.vocabSize];
      let count = 0;
      for (let seed = k; count < tokens; seed += streams) {
        count += await stream(url, { prompt, max_tokens: tokens - count, seed }, signal);
      }
      return count;
    });
    return (await Promise.all(texts)).reduce((sum, count) => sum + count, 0);
  });
}

/** @returns tokens of one text */
async function stream(url: string, request: object, signal: AbortSignal): Promise<number> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, stream: true }),
    signal,
  });
  if (!response.ok || response.body === null) throw new Error(await response.text());
  let count = 0;
  let rest = '';
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + part).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) count += tokensOf(event);
  }
  return count;
}

function tokensOf(event: string): number {
  const data = /^data: (\{.*)/s.exec(event)?.[1];
  if (data === undefined) return 0;
  const { mmfree, error } = JSON.parse(data) as {
    readonly mmfree?: { readonly tokens: readonly number[] };
    readonly error?: { readonly message: string };
  };
  if (error !== undefined) throw new Error(error.message);
  return mmfree?.tokens.length ?? 0;
}
