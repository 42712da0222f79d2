/** An image on this computer's processor: the reference. */
import type { Backend } from '../../../model/backends/backend.js';
import { ReferenceBackend } from '../../../model/backends/reference-backend.js';
import { ImageFile } from '../../../model/image-file.js';
import { readModelWeights } from '../../../model/integer/model-weights.js';
import type { ImageView } from '../../../protocol/image/image-reader.js';
import type { TokenSource } from './token-source.js';

/** A backend on this computer and the image it runs. */
export interface LoadedBackend extends TokenSource {
  readonly view: ImageView;
}

/** Reads and checks an image, every byte of it. @throws ImageError */
export function loadReference(path: string): LoadedBackend {
  return loadImage(path, (image) => new ReferenceBackend(readModelWeights(image.residentWeights())));
}

/** Checks every byte of an image that `make` makes a backend of. @throws ImageError */
export function loadImage(path: string, make: (image: ImageFile) => Backend): LoadedBackend {
  const image = ImageFile.openChecked(path);
  try {
    const tokenizerJson = image.section('tokenizer');
    return { backend: make(image), view: image.view, tokenizerJson, imageName: path, imagePath: path };
  } finally {
    image.close();
  }
}
