/** An image on the GPU: loaded while it is checked, and used only when it has passed. */
import { openGpu } from '../../model/backends/gpu/device/adapter.js';
import type { GpuDevice } from '../../model/backends/gpu/device/gpu-device.js';
import { GpuError } from '../../model/backends/gpu/device/gpu-error.js';
import type { GpuMachine } from '../../model/backends/gpu/gpu-machine.js';
import { freeGpuWeights } from '../../model/backends/gpu/weights/gpu-weights.js';
import { ImageFile } from '../../model/image-file.js';
import type { ImageView } from '../../protocol/image/image-reader.js';
import type { Absence, MachineRequest } from '../machine-request.js';
import type { EngineOptions } from '../options.js';
import { SHIPPED_IMAGE } from '../shipped.js';
import { identityOf, type OpenedImage } from '../opened-machine.js';

/** Adapters that will do. */
export interface GpuChoice {
  /** One that is open already, and stays so. */
  readonly gpu?: GpuDevice;
  /** Also one that is a program: slower than the reference, and the same to tests. */
  readonly software?: boolean;
}

/** Brings an image to the GPU and checks it. @throws GpuError; ImageError; AbortError. Everything is freed then. */
export async function openGpuMachine(
  { image, text = false }: MachineRequest,
  options: EngineOptions,
  { gpu: given, software = true }: GpuChoice = {},
): Promise<OpenedImage<GpuMachine> & { readonly view: ImageView }> {
  const path = image ?? SHIPPED_IMAGE;
  const file = ImageFile.open(path);
  let gpu: GpuDevice | undefined;
  try {
    // Opening a GPU waits for the driver at times: what will use it is loaded meanwhile.
    const opening = given ?? openGpu({ software });
    const [opened, { bringToGpu }] = await Promise.all([opening, import('../gpu/bring-to-gpu.js')]);
    gpu = opened;
    const { model, ...loaded } = await bringToGpu(gpu, file, options, text);
    const release = (): void => (given === undefined ? model.gpu.destroy() : freeGpuWeights(given, model.weights));
    const { GpuMachine } = await import('../../model/backends/gpu/gpu-machine.js');
    const machine = await GpuMachine.create(model, identityOf(loaded.view), release);
    const { chat } = loaded.view.manifest;
    return { ...loaded, machine, chat, imageName: path, imagePath: path, place: gpu.name };
  } catch (error) {
    if (given === undefined) gpu?.destroy();
    throw error;
  } finally {
    file.close();
  }
}

/** One that is no program; why not, if it does not work. @throws ImageError; AbortError */
export async function openHardwareGpu(
  request: MachineRequest,
  options: EngineOptions,
): Promise<OpenedImage<GpuMachine> | Absence> {
  try {
    return await openGpuMachine(request, options, { software: false });
  } catch (error) {
    if (!(error instanceof GpuError)) throw error;
    return { why: `${error.message}: ${error.reason}`, hasFailed: true };
  }
}
