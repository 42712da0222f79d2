/**
 * All kinds of machines. Adding one is a file that opens it and a line here: every command that computes tokens takes
 * it then.
 *
 * This table is loaded at every start, what opens a machine only when it is opened.
 */
import type { Absence, MachineRequest } from './machine-request.js';
import type { OpenedMachine } from './opened-machine.js';
import type { EngineOptions } from './options.js';

export interface MachineKind {
  readonly kind: string;
  /** Computes on this computer, from the file of an image; otherwise it has its image itself. */
  readonly takesImage: boolean;
  /** Worth measuring. */
  readonly isFast: boolean;
  /** Computes on the thread that uses it: several threads with a machine each do more. */
  readonly onThisThread: boolean;
  /** @throws what the machine throws; ImageError; EngineError; AbortError */
  open(request: MachineRequest, options: EngineOptions): Promise<OpenedMachine>;
  /** Opens it if it is there. Absent for what is used only where it is asked for. */
  find?(request: MachineRequest, options: EngineOptions): Promise<OpenedMachine | Absence>;
}

/** What all others are compared with. */
export const REFERENCE: MachineKind = {
  kind: 'reference',
  takesImage: true,
  isFast: true,
  onThisThread: true,
  open: async (request, options) => await (await import('./kinds/reference.js')).openReference(request, options),
  find: async (request, options) => await (await import('./kinds/reference.js')).openReference(request, options),
};

/** In the order in which they are looked for. */
export const MACHINES: readonly MachineKind[] = [
  {
    kind: 'board',
    takesImage: false,
    isFast: false,
    onThisThread: false,
    open: async (request, options) => await (await import('./kinds/board.js')).openBoardMachine(request, options),
    find: async (request, options) => await (await import('./kinds/find-board.js')).findBoardMachine(request, options),
  },
  {
    kind: 'gpu',
    takesImage: true,
    isFast: true,
    onThisThread: false,
    open: async (request, options) => await (await import('./kinds/gpu.js')).openGpuMachine(request, options),
    find: async (request, options) => await (await import('./kinds/find-gpu.js')).findGpuMachine(request, options),
  },
  {
    kind: 'cpu',
    takesImage: true,
    isFast: true,
    onThisThread: false,
    open: async (request, options) => await (await import('./kinds/cpu.js')).openCpuMachine(request, options),
    find: async (request, options) => await (await import('./kinds/find-cpu.js')).findCpuMachine(request, options),
  },
  REFERENCE,
  {
    kind: 'simulator',
    takesImage: true,
    isFast: false,
    onThisThread: true,
    open: async (request, options) => await (await import('./kinds/simulator.js')).openSimulator(request, options),
  },
];

/** @throws RangeError for a kind that is not in the table */
export function machineKind(name: string): MachineKind {
  const found = MACHINES.find(({ kind }) => kind === name);
  if (found === undefined) throw new RangeError(`there is no kind of machine named ${name}`);
  return found;
}
