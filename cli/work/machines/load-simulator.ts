/** An image on this computer's processor: its program, run by the simulator of the gateware's instructions. */
import { SimulatorBackend } from '../../../model/backends/simulator-backend.js';
import { programOf } from '../../../model/program/image-program.js';
import { loadImage, type LoadedBackend } from './load-reference.js';

/** Reads and checks an image, every byte of it. @throws ImageError; the signal's reason */
export async function loadSimulator(path: string, signal?: AbortSignal): Promise<LoadedBackend> {
  return await loadImage(path, signal, (image) => new SimulatorBackend(image.residentWeights(), programOf(image.view)));
}
