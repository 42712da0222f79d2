/** What a weight image says of itself, for programs. */

import type { ManifestSource, SelfTest } from '../protocol/image/manifest.js';
import type { ModelShape } from '../protocol/image/model-shape.js';
import type { ImageView } from '../protocol/image/image-reader.js';

/** What is in a weight image (docs/IMAGE.md). */
export interface ImageFacts {
  /** 1 to 64 bytes in UTF-8. */
  readonly name: string;
  /** Revision of the model, 0 … 2³² − 1. */
  readonly revision: number;
  /** Sizes, and the tokens that begin and end texts. */
  readonly shape: ModelShape;
  /** Length of the image, in bytes. */
  readonly bytes: number;
  /** SHA-256 in the seal, 32 bytes: the same for the same bytes. Machines and saved states name their image by it. */
  readonly sha256: Uint8Array;
  /**
   * Ed25519 public key of who signed it, 32 bytes; absent if nobody did. The signature was checked, whose key it is was
   * not.
   */
  readonly publicKey?: Uint8Array;
  /** Where the weights come from. */
  readonly source: ManifestSource;
  /** What whoever runs it must repeat. */
  readonly selfTest: SelfTest;
}

/**
 * Reads every byte of an image and checks it: structure, hashes, signature, weights, program.
 *
 * @param path of the file; an image as it is, or as a DFU file
 * @param signal ends the work
 * @returns what is in it
 * @throws {@link MmfreeError} with a code such as `not-an-image` or `image-damaged`; the signal's reason
 */
export async function readImage(path: string, signal?: AbortSignal): Promise<ImageFacts> {
  const { openChecked } = await import('../model/check-image.js');
  const file = await openChecked(path, signal);
  file.close();
  return factsOf(file.view);
}

export function factsOf({ manifest, revision, shape, fileLength, seal }: ImageView): ImageFacts {
  const { name, source, selfTest } = manifest;
  const { sha256, signature } = seal;
  return {
    name,
    revision,
    shape,
    bytes: fileLength,
    sha256,
    ...(signature && { publicKey: signature.publicKey }),
    source,
    selfTest,
  };
}
