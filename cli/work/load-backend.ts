/** From the options `--image` and `--backend` to something that computes tokens. */
import type { Backend } from '../../model/backends/backend.js';
import { ImageFile } from '../../model/image-file.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import { ReferenceBackend } from '../../model/backends/reference-backend.js';
import type { ImageView } from '../../protocol/image/image-reader.js';

/** A backend and the image it runs. */
export interface LoadedBackend {
  readonly backend: Backend;
  readonly view: ImageView;
  /** `tokenizer.json`; empty if the image has none. */
  readonly tokenizerJson: Uint8Array;
}

/** Reads and checks an image, every byte of it. @throws ImageError */
export function loadReference(path: string): LoadedBackend {
  const image = ImageFile.openChecked(path);
  try {
    const backend = new ReferenceBackend(readModelWeights(image.residentWeights()));
    return { backend, view: image.view, tokenizerJson: image.section('tokenizer') };
  } finally {
    image.close();
  }
}
