/** An image on this computer's processor: the reference. */
import { loadChecked } from '../../model/check-image.js';
import type { ImageFile } from '../../model/image-file.js';
import { readModelWeights } from '../../model/integer/model-weights.js';
import type { ImageIdentity, Machine } from '../../model/machine/machine.js';
import { referenceMachine } from '../../model/machine/reference.js';
import type { MachineRequest } from '../machine-request.js';
import { identityOf, PROCESSOR, type OpenedImage } from '../opened-machine.js';
import { SHIPPED_IMAGE } from '../shipped.js';

/** What ends the work. */
interface Interruption {
  readonly signal?: AbortSignal | undefined;
}

/** Reads and checks an image, every byte of it. @throws ImageError; the signal's reason */
export async function openReference(
  { image }: Pick<MachineRequest, 'image'>,
  { signal }: Interruption = {},
): Promise<OpenedImage> {
  return await openImage(image, signal, (file, identity) =>
    referenceMachine(readModelWeights(file.residentWeights()), identity),
  );
}

/** Checks every byte of an image that `make` makes a machine of. @throws ImageError; the signal's reason */
export async function openImage(
  image: string | undefined,
  signal: AbortSignal | undefined,
  make: (file: ImageFile, identity: ImageIdentity) => Machine,
): Promise<OpenedImage> {
  const path = image ?? SHIPPED_IMAGE;
  const file = await loadChecked(path, signal);
  const { view } = file;
  const tokenizerJson = file.section('tokenizer');
  const machine = make(file, identityOf(view));
  const { chat } = view.manifest;
  return { machine, view, tokenizerJson, chat, imageName: path, imagePath: path, place: PROCESSOR };
}
