/** The self-test of an image on a machine that is to serve it. */
import type { Machine } from '../model/machine/machine.js';
import { selfTestStream } from '../model/machine/self-test.js';
import type { ImageManifest } from '../protocol/image/manifest.js';
import { receiptMismatch } from './mismatch-error.js';
import { compareStream, withSequences } from './same-bits.js';

/** @throws MismatchError; what the machine throws */
export async function expectSelfTest(
  machine: Machine,
  manifest: Pick<ImageManifest, 'selfTest'>,
  signal: AbortSignal,
): Promise<void> {
  await withSequences([machine], async ([subject]) => {
    const { name } = machine.facts;
    const mismatch = await compareStream({ name, subject: subject! }, selfTestStream(manifest), { signal });
    if (mismatch !== undefined) throw receiptMismatch(name, mismatch);
  });
}
