/** Speed of any machine of the table that computes an image on this computer: what needs no knowledge of its kind. */
import { openReference } from '../../../engine/kinds/reference.js';
import { machineKind } from '../../../engine/machines.js';
import { ternaryWeights } from '../../../protocol/image/tensors.js';
import type { CommandContext } from '../../command.js';
import { engineOptions } from '../machines/engine-options.js';
import { imageOrShipped } from '../shipped.js';
import { expectSameBatch, expectSamePrompt, expectSameTokens } from './equality.js';
import type { BenchInput } from './input.js';
import { inTurn, type Rate } from './rounds.js';
import { upTo } from './sequences.js';
import { decodeRate, prefillRate } from './speed.js';

const ROUNDS = 5;
/** Sequences of the largest batch, unless the user says something else. */
const BATCH = 8;

/** @throws what the machine throws; MismatchError; AbortError */
export async function benchMachine(kind: string, input: BenchInput, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const image = imageOrShipped(input.image, output);
  const { machine, place } = await machineKind(kind).open({ image }, engineOptions(context));
  try {
    const { name, shape, can, sequences } = machine.facts;
    const { machine: reference, view } = await openReference({ image }, { signal });
    let equal = await expectSameTokens(machine, reference, view.manifest, signal);
    if (sequences > 1) equal += await expectSamePrompt(machine, input.tokens);
    const prefill = await several(() => prefillRate(machine, input.tokens, signal));
    const decode: { readonly batch: number; readonly tokens_per_second: number }[] = [];
    const largest = can.batches ? Math.min(input.batch ?? BATCH, sequences) : 1;
    for (const batch of upTo(largest, [largest, 4, 1])) {
      if (batch > 1) equal += await expectSameBatch(machine, batch, signal);
      decode.push({ batch, tokens_per_second: await several(() => decodeRate(machine, batch, input.tokens, signal)) });
    }
    output.print(
      [
        `${name} on ${place}, ${ternaryWeights(shape).toLocaleString('en-US')} ternary weights a token`,
        `  ${equal} receipts equal to the reference's`,
        `  prefill ${prefill.toFixed(1)} tokens/s, prompt of ${input.tokens}`,
        ...decode.map(
          ({ batch, tokens_per_second: rate }) =>
            `  decode  ${rate.toFixed(1)} tokens/s in all, ${batch} sequence${batch > 1 ? 's' : ''}, sampling included`,
        ),
        '',
      ].join('\n'),
    );
    output.result({ machine: name, equal_receipts: equal, prefill_tokens_per_second: prefill, decode });
  } finally {
    await machine.close();
  }
}

/** The median of several. */
async function several(measure: () => Promise<Rate>): Promise<number> {
  const [found] = await inTurn([{ measure }], ROUNDS, () => {});
  return found!.rate.perSecond;
}
