/** From a checkpoint to an image, for programs. */

import { factsOf, type ImageFacts } from './image.js';

/** What a packer may be told. */
export interface PackSettings {
  /** Name in the image, 1 to 64 bytes in UTF-8; made of the shape unless given. */
  readonly name?: string;
  /** Revision of the model, 0 … 2³² − 1; 0 unless given. */
  readonly revision?: number;
  /** Ed25519 private key in PEM to sign with; the image is not signed unless given. */
  readonly privateKeyPem?: string;
  /**
   * Is told how far the work is.
   *
   * @param doneBytes of the checkpoint that are read
   * @param totalBytes of the checkpoint
   */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Ends the work; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Packs a checkpoint of the MatMul-free LM into a weight image. The same checkpoint gives the same bytes.
 *
 * @param folder what `save_pretrained` wrote: `config.json`, `model.safetensors` or shards, `tokenizer.json` if text is
 *   wanted
 * @param path of the image; it appears when it is whole, and takes the place of no file that it is made of
 * @param settings name, revision, key
 * @returns what is in the image
 * @throws {@link MmfreeError} for what is wrong with the checkpoint, or with the place of the image; TypeError for a
 *   key that is none; the signal's reason
 */
export async function pack(folder: string, path: string, settings: PackSettings = {}): Promise<ImageFacts> {
  const [{ createPrivateKey }, { openCheckpoint }, { packCheckpoint }, { loadTokenizer }] = await Promise.all([
    import('node:crypto'),
    import('../model/checkpoint/checkpoint.js'),
    import('../model/pack/pack.js'),
    import('../model/text/tokenizer.js'),
  ]);
  const { privateKeyPem, ...rest } = settings;
  const privateKey = privateKeyPem === undefined ? undefined : createPrivateKey(privateKeyPem);
  if (privateKey !== undefined && privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`images are signed with an Ed25519 key, not with one of ${privateKey.asymmetricKeyType}`);
  }
  const checkpoint = await openCheckpoint(folder);
  try {
    // Found now, and not by who runs the image.
    if (checkpoint.tokenizerJson)
      await loadTokenizer(checkpoint.tokenizerJson, checkpoint.config, `${folder}/tokenizer.json`);
    return factsOf((await packCheckpoint(checkpoint, path, { ...rest, ...(privateKey && { privateKey }) })).image);
  } finally {
    await checkpoint.close();
  }
}
