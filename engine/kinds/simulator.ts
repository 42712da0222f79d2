/** An image on this computer's processor: its program, run by the simulator of the gateware's instructions. */
import { simulatorMachine } from '../../model/machine/simulator.js';
import { programOf } from '../../model/program/image-program.js';
import type { MachineRequest } from '../machine-request.js';
import type { EngineOptions } from '../options.js';
import type { OpenedImage } from '../opened-machine.js';
import { openImage } from './reference.js';

/** Reads and checks an image, every byte of it. @throws ImageError; the signal's reason */
export async function openSimulator(
  { image }: Pick<MachineRequest, 'image'>,
  { signal }: Pick<EngineOptions, 'signal'>,
): Promise<OpenedImage> {
  return await openImage(image, signal, (file, identity) =>
    simulatorMachine(file.residentWeights(), programOf(file.view), identity),
  );
}
