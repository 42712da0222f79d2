/** `mmfree virtual-board`: declaration. */
import { SIMULATED_CHIPS } from '../../firmware-host/virtual/simulated-chips/simulated-chips.js';
import { defineCommand, flag, option, optionWithDefault, optionWithPreset, repeatedOption } from '../command.js';
import { integer, oneOf, path, text } from '../options.js';
import { traceOption, withTrace } from './shared/trace-option.js';

export const virtualBoard = defineCommand({
  examples: [
    'mmfree virtual-board',
    'mmfree virtual-board --pty --flash-file board.flash',
    'mmfree virtual-board --image tales-9m.mmfree --fault flip:3',
    'mmfree virtual-board --rtl --image tales-9m.mmfree',
    'mmfree virtual-board --pico --pty',
    'mmfree virtual-board --usbip --flash-file board.flash',
    'mmfree virtual-board --ftdi --spi-flash-file icebreaker.flash',
    'mmfree virtual-board --gadget --flash-file /var/lib/mmfree/flash --serial-number PI-1',
    'mmfree virtual-board --tcp 0.0.0.0:4711 --key-file board.key --flash-file /var/lib/mmfree/flash',
  ],
  parameters: {
    tcp: option('--tcp <host:port>', 'listen there; port 0 takes a free one (default: 127.0.0.1:0)', text),
    keyFile: option(
      '--key-file <file>',
      'serve only hosts on --tcp that have this key (see `mmfree key`); needed where other computers reach it',
      path,
    ),
    open: flag('--open', 'let everybody who reaches --tcp, --usbip or --ftdi from other computers have the board'),
    pty: flag('--pty', 'be reached through a pseudo-terminal instead of the network'),
    usbip: optionWithPreset(
      '--usbip [host:port]',
      'be a USB device that `usbip attach` finds there (without a value: 127.0.0.1:3240)',
      text,
      '127.0.0.1:3240',
    ),
    ftdi: optionWithPreset(
      '--ftdi [host:port]',
      'be a board with an FT2232H that `usbip attach` finds there: a SPI flash and an FPGA on channel A, this board’s UART on channel B (without a value: 127.0.0.1:3240)',
      text,
      '127.0.0.1:3240',
    ),
    spiFlashFile: option('--spi-flash-file <file>', 'with --ftdi: keep that SPI flash of 16 MiB in this file', path),
    gadget: optionWithPreset(
      '--gadget [controller]',
      'be the USB device of this Linux computer, by the controller of /sys/class/udc (without a value: the first one)',
      text,
      'first',
    ),
    rtl: optionWithPreset(
      '--rtl [chip]',
      `simulate the gateware of this chip: ${SIMULATED_CHIPS.join(', ')} (without a value: icebreaker)`,
      oneOf(SIMULATED_CHIPS),
      'icebreaker',
    ),
    pico: optionWithPreset(
      '--pico [file]',
      'emulate a Raspberry Pi Pico with the firmware and the image of this UF2 file (without a value: those that come with the program)',
      path,
      'shipped',
    ),
    boot: flag('--boot', 'with --pico and --usbip: in boot mode, with nothing in its flash unless --flash-file has it'),
    rtlStats: option('--rtl-stats <file>', 'write what each token of the simulated chip took', path),
    dfu: optionWithDefault(
      '--dfu <mode>',
      'how it is flashed over USB: always ready, or detached by a bus reset (reset) or by itself (will-detach)',
      oneOf(['always', 'reset', 'will-detach']),
      'always',
    ),
    port: option('--port <path[@baud]>', 'be reached through this serial port instead', text),
    serialNumber: option('--serial-number <text>', 'serial number (default: a random one)', text),
    flashFile: option('--flash-file <file>', 'keep the flash in this file (default: in memory)', path),
    flashMib: optionWithDefault(
      '--flash-mib <number>',
      'size of the flash in MiB',
      integer({ min: 1, max: 8192, example: 16 }),
      16,
    ),
    slots: optionWithDefault('--slots <number>', 'images that the flash holds: 1 or 2', oneOf(['1', '2']), '2'),
    image: option(
      '--image <file>',
      'put this image into the flash first, as if it came from the factory (with --rtl: the shipped one by default)',
      path,
    ),
    signer: option(
      '--signer <file>',
      'take only images signed with the key in this file (PEM, public or private)',
      path,
    ),
    minimumRevision: optionWithDefault(
      '--minimum-revision <number>',
      'refuse images of a lower revision',
      integer({ min: 0, max: 2 ** 32 - 1, example: 1 }),
      0,
    ),
    maxHidden: option(
      '--max-hidden <number>',
      'refuse models of a larger hidden size',
      integer({ min: 1, max: 8192, example: 1024 }),
    ),
    window: optionWithDefault(
      '--window <number>',
      'requests that the board can hold',
      integer({ min: 1, max: 32, example: 1 }),
      32,
    ),
    trace: traceOption,
    faults: repeatedOption(
      '--fault <fault>',
      'flip:LAYER (a bit of its weights), drop:CHANCE or damage:CHANCE (of frames), power-cut:OPERATION (of the flash), slow-flash:FACTOR (of a real part)',
      text,
    ),
  },
  load: withTrace(async () => (await import('../work/virtual-board/virtual-board.js')).virtualBoard),
});
