/** An image on the GPU: loaded while it is checked, and used only when it has passed. */
import { openGpu } from '../../../model/backends/gpu/device/adapter.js';
import type { GpuBackend } from '../../../model/backends/gpu/gpu-backend.js';
import type { GpuDevice } from '../../../model/backends/gpu/device/gpu-device.js';
import { ImageFile } from '../../../model/image-file.js';
import type { ImageView } from '../../../protocol/image/image-reader.js';
import type { CommandContext } from '../../command.js';
import type { LoadedModel } from './bring-to-gpu.js';
import type { TokenSource } from './token-source.js';

/** A backend on a GPU and the image it runs. */
export interface LoadedGpu extends TokenSource {
  readonly backend: GpuBackend;
  readonly view: ImageView;
}

/** Adapters that will do. */
export interface GpuChoice {
  /** One that is open already, and stays so. */
  readonly gpu?: GpuDevice;
  /** Also one that is a program: slower than the reference, and the same to tests. */
  readonly software: boolean;
  /** Make the tokenizer, if there is one, while the driver compiles. */
  readonly text?: boolean;
}

/** Brings an image to the GPU and checks it. @throws GpuError; ImageError; AbortError. Everything is freed then. */
export async function loadGpu(path: string, context: CommandContext, choice: GpuChoice): Promise<LoadedGpu> {
  const { model, ...loaded } = await loadChecked(path, context, choice);
  try {
    const { GpuBackend } = await import('../../../model/backends/gpu/gpu-backend.js');
    const backend = await GpuBackend.create(model);
    return { ...loaded, backend, imageName: path, imagePath: path };
  } catch (error) {
    model.gpu.destroy();
    throw error;
  }
}

/** The model alone, for those who run several sequences on it. @throws GpuError; ImageError; AbortError */
export async function loadChecked(path: string, context: CommandContext, choice: GpuChoice): Promise<LoadedModel> {
  const image = ImageFile.open(path);
  let gpu: GpuDevice | undefined;
  try {
    // Opening a GPU waits for the driver at times: what will use it is loaded meanwhile.
    const opening = choice.gpu ?? openGpu(choice);
    const [opened, { bringToGpu }] = await Promise.all([opening, import('./bring-to-gpu.js')]);
    gpu = opened;
    return await bringToGpu(gpu, image, context, choice.text === true);
  } catch (error) {
    if (choice.gpu === undefined) gpu?.destroy();
    throw error;
  } finally {
    image.close();
  }
}
