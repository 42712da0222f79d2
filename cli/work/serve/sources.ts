/** From options to the machines of the service: boards that are named, and this computer for images. */
import { machineKind, type MachineRequest } from '../../../engine/machines.js';
import { findMachine } from '../../../engine/find-machine.js';
import { SHIPPED_IMAGE } from '../../../engine/shipped.js';
import type { MachineSource } from '../../../serve/models/keeper.js';
import type { CommandContext } from '../../command.js';
import { keyOf } from '../key-file.js';
import { engineOptions } from '../machines/engine-options.js';
import { selectorOf } from '../machines/selector.js';

export interface SourcesInput {
  readonly image: readonly string[];
  readonly board: readonly string[];
  readonly keyFile: string | undefined;
  readonly backend: string | undefined;
}

/** This computer computes unless only boards are named. @throws UsageError; FileError */
export function sourcesOf({ image, board, keyFile, backend }: SourcesInput, context: CommandContext): MachineSource[] {
  const options = engineOptions(context);
  const key = keyOf(keyFile);
  const boards = board.map((name): MachineSource => {
    const selector = selectorOf(name);
    return {
      name,
      open: async (signal) =>
        await machineKind('board').open({ board: selector, key, text: true }, { ...options, signal }),
    };
  });
  const isComputerMeant = image.length > 0 || backend !== undefined || board.length === 0;
  const images = image.length > 0 ? image : isComputerMeant ? [SHIPPED_IMAGE] : [];
  const computers = images.map((path): MachineSource => {
    const request: MachineRequest = { image: path, text: true };
    return {
      name: `${path} on this computer`,
      open: async (signal) => {
        const engine = { ...options, signal };
        return backend === undefined
          ? await findMachine(request, engine)
          : await machineKind(backend).open(request, engine);
      },
    };
  });
  return [...boards, ...computers];
}
