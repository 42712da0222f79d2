/** A machine against the reference on this computer; the reference against what the packer recorded. */
import { imageFileMissing } from '../../../engine/engine-error.js';
import { openReference } from '../../../engine/kinds/reference.js';
import { REFERENCE } from '../../../engine/machines.js';
import { MismatchError, receiptMismatch } from '../../../engine/mismatch-error.js';
import { PROCESSOR, type OpenedMachine } from '../../../engine/opened-machine.js';
import { compareStream, expectSameBits, withSequences } from '../../../engine/same-bits.js';
import { selfTestStream } from '../../../model/machine/self-test.js';
import { MmfreeError } from '../../../protocol/errors.js';
import type { CommandContext } from '../../command.js';
import type { Progress } from '../../progress.js';
import { counted } from '../../../protocol/counted.js';

/** Tokens that the machine samples by itself. */
const SAMPLED_TOKENS = 64;

/** @throws MismatchError; what the machine throws; EngineError; AbortError */
export async function verifyMachine(
  opened: OpenedMachine,
  randomTokens: number,
  context: CommandContext,
): Promise<void> {
  if (opened.machine.facts.kind === REFERENCE.kind) await repeatSelfTest(opened, context);
  else await compareWithReference(opened, randomTokens, context);
}

/** Self-test, random tokens, and a run that the machine samples. */
async function compareWithReference(
  { machine, imageName, imagePath, place }: OpenedMachine,
  randomTokens: number,
  context: CommandContext,
): Promise<void> {
  const { output, signal } = context;
  if (imagePath === undefined) {
    throw imageFileMissing(imageName, 'The reference computes on this computer, from the image.');
  }
  if (place !== PROCESSOR && place !== machine.facts.name) output.note(`comparing ${place} with the reference`);
  const { machine: reference, view } = await openReference({ image: imagePath }, { signal });
  const total = selfTestStream(view.manifest).tokens.length + randomTokens + SAMPLED_TOKENS;
  await judged(machine.facts.name, total, context, async (onToken) => {
    const { name } = machine.facts;
    const extent = { random: randomTokens, sampled: SAMPLED_TOKENS };
    const found = await expectSameBits(machine, reference, view.manifest, extent, {
      signal,
      onToken,
      isUnsampled: (error) => {
        // By code: the class is loaded with boards only.
        if (!(error instanceof MmfreeError && error.code === 'board-unknown-request')) return false;
        output.note(`${name} does not sample by itself, which is not verified therefore`);
        return true;
      },
    });
    const parts = `(self-test ${found.selfTest}, random ${found.random}, sampled ${found.sampled})`;
    return `${name} computes ${imageName} as the reference does ${parts}`;
  });
}

/** The image's self-test, recorded by the packer. */
async function repeatSelfTest(
  { machine, imageName, imagePath }: OpenedMachine,
  context: CommandContext,
): Promise<void> {
  const { name } = machine.facts;
  const { signal } = context;
  const { view } = await openReference({ image: imagePath }, { signal });
  const stream = selfTestStream(view.manifest);
  await judged(name, stream.tokens.length, context, async (onToken) => {
    const mismatch = await withSequences([machine], async ([subject]) => {
      return await compareStream({ name, subject: subject! }, stream, { signal, onToken });
    });
    signal.throwIfAborted();
    if (mismatch !== undefined) throw receiptMismatch(name, mismatch);
    return `${name} repeats the self-test of ${imageName}`;
  });
}

/** Shows how far a comparison is, and its verdict. @param compare gives the verdict in words */
async function judged(
  name: string,
  total: number,
  { output }: CommandContext,
  compare: (onToken: () => void) => Promise<string>,
): Promise<void> {
  const progress: Progress = output.progress({ label: 'verify', unit: 'tokens', total });
  let done = 0;
  const startMs = performance.now();
  let verdict: string;
  try {
    verdict = await compare(() => progress.update(++done));
  } catch (error) {
    if (error instanceof MismatchError) {
      output.result({ backend: name, tokens: done, mismatches: 1, first_mismatch: error.facts });
    }
    throw error;
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - startMs) / 1000;
  output.result({
    backend: name,
    tokens: done,
    mismatches: 0,
    first_mismatch: null,
    tokens_per_second: done / seconds,
  });
  output.print(`bit-exact over ${counted(done, 'token')}: ${verdict}\n`);
}
