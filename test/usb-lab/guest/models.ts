/** The models that the host has made (host/models.ts). */

import { readFileSync } from 'node:fs';
import { ImageFile } from '../../../model/image-file.js';
import { IMAGE_PREFIX_BYTES } from '../../../protocol/image/image-prefix.js';
import { eventsOf } from './mmfree.js';

/** Of one shape, with different weights: long enough to be interrupted at many places. */
export const MODELS = ['red', 'green', 'blue'] as const;

/** As small as models can be, for what has nothing to do with their length: the guest is slow. */
export const SMALL_MODELS = ['dot', 'dash'] as const;

export type ModelName = (typeof MODELS)[number] | (typeof SMALL_MODELS)[number];

/** A generation by `red`, for `mmfree run`: longer than what a board, the kernel and the host hold back together. */
export const TALE_TOKENS = 200;
export const TALE = ['--ids', '--max-tokens', String(TALE_TOKENS), '--seed', '7', '5 6 7'];

export interface Told {
  readonly index: number;
  readonly id: number;
  readonly receipt: string;
}

/** The tokens among the lines that `mmfree run --json` has printed. */
export function toldTokens(stdout: string): Told[] {
  return eventsOf(stdout)
    .filter(({ type }) => type === 'token')
    .map(({ index, id, receipt }) => ({ index: Number(index), id: Number(id), receipt: String(receipt) }));
}

/** What the reference on the host made of {@link TALE}. */
export function expectedTale(): Told[] {
  return toldTokens(readFileSync('/lab/run/models/red.tale.jsonl', 'utf8'));
}

export function modelPath(name: ModelName): string {
  return `/lab/run/models/${name}.mmfree`;
}

export function modelBytes(name: ModelName): Uint8Array {
  return new Uint8Array(readFileSync(modelPath(name)));
}

/** SHA-256 in its seal. */
export function modelSha256(name: ModelName): string {
  const image = ImageFile.openChecked(modelPath(name));
  const sha256 = Buffer.from(image.view.seal.sha256).toString('hex');
  image.close();
  return sha256;
}

/** What a host announces an image with. */
export interface ImageHead {
  readonly imageLength: number;
  readonly prefix: Uint8Array;
  readonly seal: Uint8Array;
}

export function imageHead(name: ModelName): ImageHead {
  const bytes = modelBytes(name);
  const image = ImageFile.openChecked(modelPath(name));
  const { sealedLength } = image.view;
  image.close();
  return { imageLength: bytes.length, prefix: bytes.slice(0, IMAGE_PREFIX_BYTES), seal: bytes.slice(sealedLength) };
}
