/** The models that the host has made (host/models.ts): of one shape, with different weights. */

import { readFileSync } from 'node:fs';
import { ImageFile } from '../../../model/image-file.js';

export const MODELS = ['red', 'green', 'blue'] as const;

export type ModelName = (typeof MODELS)[number];

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
