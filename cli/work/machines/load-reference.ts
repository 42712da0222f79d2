/** An image on this computer's processor: the reference. */
import type { Backend } from '../../../model/backends/backend.js';
import { ReferenceBackend } from '../../../model/backends/reference-backend.js';
import { loadChecked } from '../../../model/check-image.js';
import type { ImageFile } from '../../../model/image-file.js';
import { readModelWeights } from '../../../model/integer/model-weights.js';
import type { ImageView } from '../../../protocol/image/image-reader.js';
import type { TokenSource } from './token-source.js';

/** A backend on this computer and the image it runs. */
export interface LoadedBackend extends TokenSource {
  readonly view: ImageView;
}

/** Reads and checks an image, every byte of it. @throws ImageError; the signal's reason */
export async function loadReference(path: string, signal?: AbortSignal): Promise<LoadedBackend> {
  return await loadImage(path, signal, (image) => new ReferenceBackend(readModelWeights(image.residentWeights())));
}

/** Checks every byte of an image that `make` makes a backend of. @throws ImageError; the signal's reason */
export async function loadImage(
  path: string,
  signal: AbortSignal | undefined,
  make: (image: ImageFile) => Backend,
): Promise<LoadedBackend> {
  const image = await loadChecked(path, signal);
  const tokenizerJson = image.section('tokenizer');
  return { backend: make(image), view: image.view, tokenizerJson, imageName: path, imagePath: path };
}
