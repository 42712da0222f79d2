/**
 * The machine that there is, where nobody named one: a board, else a GPU, else this computer's processor, by its
 * kernels or by the reference.
 */
import type { MachineRequest } from './machine-request.js';
import { MACHINES } from './machines.js';
import type { OpenedMachine } from './opened-machine.js';
import type { EngineOptions } from './options.js';

/**
 * The first of the table that is there; what nobody named is told.
 *
 * @throws ImageError; what a machine throws that is there and does not open
 */
export async function findMachine(request: MachineRequest, options: EngineOptions): Promise<OpenedMachine> {
  const reasons: string[] = [];
  let hasFailed = false;
  for (const kind of MACHINES) {
    const found = await kind.find?.(request, options);
    if (found === undefined) continue;
    if (!('hasFailed' in found)) {
      const { place, machine } = found;
      // A board has told it. Who named an image reads where it ran at the end.
      if (machine.facts.kind !== 'board' && (request.image === undefined || hasFailed || reasons.length === 0)) {
        const name = request.image ?? 'the shipped tales-9m';
        options.onNote([`using ${name} on ${place}`, ...reasons].join('; '), { hasFailed });
      }
      return found;
    }
    if (found.why !== undefined) reasons.push(found.why);
    hasFailed ||= found.hasFailed;
  }
  throw new RangeError('the table of machines has one that is always there');
}
