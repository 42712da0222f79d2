/** Advice on boards: by code, and by variant where a code has several ways out. */
import type { BoardErrorCode, BoardErrorVariant } from '../../device/board-error.js';
import { isShortage } from '../../protocol/system-error.js';
import { also, always, type Advice } from './table.js';

const slower = also('`--spi-mhz 6` makes the clock slower.');
const firstMemory = ({ settings }: Readonly<Record<string, unknown>>): string =>
  `--dfu-alt ${String(settings).split(' ')[0]}`;

export const BOARDS: Readonly<Record<BoardErrorCode, Advice>> = {
  'board-not-found': (_, cause) => (isShortage(cause) ? undefined : 'Run `mmfree boards` to see what is there.'),
  'board-denied': null,
  'board-busy': null,
  'board-ambiguous': ({ boards }) => `Say which one, for example --board ${String(boards).split(' ')[0]}`,
  'board-silent': null,
  'board-other-protocol': null,
  'board-wants-key': always(
    'Copy the key file that it was started with to this computer, and give it: --key-file FILE',
  ),
  'board-wrong-key': null,
  'board-without-key': always('Look who listens there; if it is a board that everybody may use, leave --key-file out.'),
  'board-lost': null,
  'board-flapping': null,
  'board-malformed': null,
  'board-unknown-request': always(
    'Update the firmware, or do without: boards that only know RESET and STEP generate (`mmfree run`) and prove themselves (`mmfree verify`).',
  ),
  'board-cannot-restart': null,
  'board-no-image': null,
  'board-other-image': always('Name the file that was flashed with --image, or flash this one.'),
  'board-refuses-image': null,
  'board-image-too-large': null,
  'board-model-too-large': null,
  'board-revision-too-old': always('Pack with a higher --revision; nothing on the board was changed.'),
  'board-not-signed': always(
    'Pack it with `--sign` and the right key (`mmfree boards` shows which one the board demands); nothing on the board was changed.',
  ),
  'board-signature-wrong': null,
  'board-write-failed': null,
  'board-write-protected': null,
  'board-wrong-tokens': ({ reverted }) =>
    reverted === true
      ? 'The image from before runs again. Run `mmfree verify --board` with the image to see in which layer they part.'
      : 'There is no image that it could go back to. Run `mmfree verify --board` to see in which layer they part.',
  'board-wrong-driver': null,
  'board-broken': null,
  'board-not-flashable': null,
  'board-other-device': null,
  'usb-unavailable': null,
};

export const BOARD_VARIANTS: Readonly<Record<BoardErrorVariant, Advice>> = {
  'no-board': always('Plug one in, name its port with `--board serial:PATH`, or start `mmfree virtual-board`.'),
  'no-programmer': always(
    'Plug one in, name a USB/IP server that has one (`--board usbip:HOST`), or start `mmfree virtual-board --ftdi`.',
  ),
  'no-usbip-server': always(
    'Run `mmfree boards` to see what is there, or start a board that listens: `mmfree virtual-board --usbip`.',
  ),
  'no-rule': always(
    'Run `sudo mmfree doctor --fix`, which installs a rule that lets you, then plug the board in again.',
  ),
  'several-memories': (facts) => `Say which one, for example ${firstMemory(facts)}`,
  'no-frames': ({ board }) =>
    String(board).startsWith('tcp:')
      ? undefined
      : 'Check that the firmware runs and that the baud rate is right (`--board serial:PATH@BAUD`).',
  'no-usb-answer': always(
    'Plug the board in again and repeat the command; if that repeats, its firmware has stopped. A device of another make that erases for seconds inside one request gets more time by `flash --dfu-alt … --request-timeout SECONDS`.',
  ),
  'no-flash': slower,
  'key-refused': always('Give the key file that the board was started with: --key-file FILE'),
  'nothing-to-start': always(
    'Give it one: `mmfree flash <image>`; for FPGA boards `mmfree gateware flash --image <image>`.',
  ),
  'nothing-to-revert-to': always(
    'Flash the one that you want with `mmfree flash FILE`. The image from before still runs.',
  ),
  'computes-only': always(
    'Write the flash chip of an FPGA board with `mmfree gateware flash`; start a simulated one (`mmfree virtual-board --rtl`) with another --image.',
  ),
  'no-dfu': null,
  dfuse: null,
  'no-such-memory': (facts) => `Name one of them with --dfu-alt, for example ${firstMemory(facts)}`,
  'no-download': null,
  'ftdi-over-usbip': ({ board }) =>
    `Write its flash chip with \`mmfree gateware flash --board ${String(board)}\`; to talk to the FPGA, attach it to this computer (\`usbip attach\`) and name its serial port.`,
  'no-ftdi': null,
  'unknown-flash': slower,
  'flash-of-other-make': always(
    'Use a board with a flash of Winbond or GigaDevice. For gateware of your own, write its bitstream without --image. Nothing on the board was changed.',
  ),
  'chip-too-small': always(
    'Use a smaller model, or gateware with other limits (docs/GATEWARE.md, section 2; `--own-gateware` where a flash is written). Nothing was changed.',
  ),
  'firmware-too-small': always('Use a smaller model, such as models/tales-4m/tales-4m.mmfree. Nothing was changed.'),
  'head-damaged': always('Check the file with `mmfree inspect`; nothing on the board was changed.'),
  'flash-differs': slower,
  'protection-set': always(
    'Clear them with `--unprotect` (`iceprog -p` does it too); nothing on the board was changed.',
  ),
  'write-enable-ignored': slower,
  'other-than-before': always(
    'Run `mmfree verify --board` to see whether it computes what its image demands; then begin a new text.',
  ),
  'suffix-of-other-device': always(
    'Name the board that it is for with --board, or make a file for this one; nothing on the board was changed.',
  ),
};
