/** The options that say where tokens come from, the same in every command. */
import { MACHINES } from '../../../engine/machines.js';
import { option, optionWithDefault } from '../../command.js';
import { integer, oneOf, path, text } from '../../options.js';
import { traceOption } from './trace-option.js';

/** What can compute tokens from an image; `simulator` runs the program that gateware runs, slowly. */
const ON_COMPUTER = MACHINES.filter(({ takesImage }) => takesImage);
const BACKENDS = ON_COMPUTER.map(({ kind }) => kind);

/** Those that are worth measuring. */
export const FAST_BACKENDS = ON_COMPUTER.filter(({ isFast }) => isFast).map(({ kind }) => kind);

export const imageOption = option('--image <file>', 'weight image (default: the shipped tales-9m)', path);

export const backendOption = option(
  '--backend <name>',
  `compute on this computer: ${BACKENDS.join(', ')} (default: the board that is plugged in, else the GPU if there is one, else cpu)`,
  oneOf(BACKENDS),
  { excludes: ['board', 'wait', 'sampling'] },
);

/** For commands that compare, and do not change their machine by themselves. */
export const computerOption = option(
  '--backend <name>',
  `what computes on this computer: ${BACKENDS.join(', ')} (default: reference)`,
  oneOf(BACKENDS),
  { excludes: ['board', 'wait'] },
);

/** For commands that measure. */
export const fastOption = option(
  '--backend <name>',
  `what computes on this computer: ${FAST_BACKENDS.join(', ')} (default: cpu)`,
  oneOf(FAST_BACKENDS),
);

/** What `device/selector.ts` reads. */
export const boardOption = option(
  '--board <selector>',
  'a board: its serial number, usb:VID:PID[:SERIAL], usb:BUS-PORT, serial:PATH[@BAUD], tcp:HOST:PORT or usbip:HOST[:PORT][/BUSID]',
  text,
  { excludes: ['backend', 'watch'] },
);

/** What `cli/work/key-file.ts` reads. */
export const keyFileOption = option(
  '--key-file <file>',
  'the key of a board that wants one (see `mmfree key`); a board that asks for none is refused then',
  path,
);

export const waitOption = optionWithDefault(
  '--wait <seconds>',
  'wait so long for the board to come',
  integer({ min: 0, max: 86_400, example: 10 }),
  0,
  { excludes: ['backend'] },
);

/** The machine that generates. */
export const machineOptions = {
  board: boardOption,
  keyFile: keyFileOption,
  wait: waitOption,
  trace: traceOption,
  image: imageOption,
  backend: backendOption,
};
