/** `gateware flash` against the board of `virtual-board --ftdi`, over USB/IP, in this process. */

import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseSelector } from '../../../device/selector.js';
import { BoardSession } from '../../../device/session.js';
import { selectProgrammer } from '../../../device/spi-flash/select-programmer.js';
import type { Transport } from '../../../device/transport/transport.js';
import { UsbConnection } from '../../../device/usb/usb-connection.js';
import { bitstream } from '../../helpers/bitstream.js';
import { COMMANDS, mmfree, mmfreeJson, temporaryFolder } from '../../helpers/command-line.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { goodImage } from '../../helpers/good-image.js';

const path = temporaryFolder();
const CODE = bitstream(1);
const IMAGE = goodImage(1, { name: 'small' });
const IMAGE_OFFSET = 0x10_0000;

let stop: (() => Promise<number>) | undefined;
let selector = '';

beforeAll(async () => {
  const files: Readonly<Record<string, Uint8Array>> = {
    'code.bin': CODE,
    'small.mmfree': IMAGE,
    'damaged.mmfree': IMAGE.with(5000, IMAGE[5000]! ^ 1),
    'large.bin': Buffer.concat([CODE, new Uint8Array(2 ** 20)]),
    'no.bin': new Uint8Array(5000),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path(name), content);
});

beforeEach(() => {
  vi.stubEnv('MMFREE_RUNTIME_DIR', path('boards'));
});

afterEach(async () => {
  await stop?.();
  stop = undefined;
  vi.unstubAllEnvs();
});

/** Starts the board, and waits until it can be reached. */
async function start(...options: string[]): Promise<void> {
  const process = new FakeProcess();
  const running = process.run(COMMANDS, '--json', 'virtual-board', '--ftdi', '127.0.0.1:0', ...options);
  const ready = (): Record<string, unknown> | undefined =>
    process.stdout.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ type }) => type === 'ready');
  while (ready() === undefined) await new Promise<void>((resolve) => process.stdout.onWrite(resolve));
  const [usb] = ready()!['usb'] as { kind: string; programmer: string }[];
  expect(usb).toMatchObject({ kind: 'ftdi' });
  selector = usb!.programmer;
  stop = async (): Promise<number> => {
    process.interrupt();
    return (await running).exit;
  };
}

describe('gateware flash', () => {
  it('writes bitstream and image where the FPGA looks for them, which the flash file keeps', async () => {
    await start('--spi-flash-file', path('ice.flash'), '--serial-number', 'ICE-1');
    const command = ['gateware', 'flash', '--bitstream', path('code.bin'), '--image', path('small.mmfree')];
    const first = await mmfree(...command, '--board', selector);
    expect([first.exit, first.stderr.text]).toEqual([0, '']);
    expect(first.stdout.text).toMatch(
      /^usbip:.*\/1-1 \(Winbond ef4018, 16 MiB\) is written: .* erased, .* programmed and read back in .* s; the FPGA has started\n$/,
    );
    expect((await mmfreeJson(...command, '--board', selector.replace('/1-1', ''))).result).toMatchObject({
      exit: 0,
      image: 'small',
      flash: { jedec_id: 'ef4018', manufacturer: 'Winbond', bytes: 2 ** 24 },
      total_bytes: CODE.length + IMAGE.length,
      erased_bytes: 0,
      programmed_bytes: 0,
      configured: true,
    });
    await stop?.();
    const flash = await readFile(path('ice.flash'));
    expect(Buffer.compare(flash.subarray(0, CODE.length), CODE)).toBe(0);
    expect(Buffer.compare(flash.subarray(IMAGE_OFFSET, IMAGE_OFFSET + IMAGE.length), IMAGE)).toBe(0);
    await start('--spi-flash-file', path('ice.flash'));
    const { stdout } = await mmfree(...command, '--board', selector);
    expect(stdout.text).toMatch(/holds all of it already; the FPGA has started\n$/);
  });

  it('says what it would do, and does nothing; says that an FPGA without a bitstream does not start', async () => {
    await start();
    const command = ['gateware', 'flash', '--image', path('small.mmfree'), '--board', selector];
    const plan = { erased_bytes: 0, programmed_bytes: 256 * Math.ceil(IMAGE.length / 256), configured: false };
    for (const _ of [1, 2]) {
      expect((await mmfreeJson(...command, '--dry-run')).result).toMatchObject({ exit: 0, dry_run: true, ...plan });
    }
    const { exit, stderr } = await mmfree(...command, '--spi-mhz', '6');
    expect([exit, stderr.text]).toEqual([0, expect.stringMatching(/the FPGA does not start/)]);
  });

  it.each<[string, string[], number, string]>([
    ['nothing to write', [], 2, 'missing-option'],
    ['a bitstream that is none', ['--bitstream', 'no.bin'], 2, 'bad-value'],
    ['a bitstream that reaches into the image', ['--bitstream', 'large.bin'], 2, 'bad-value'],
    ['a bitstream that is not there', ['--bitstream', 'absent'], 2, 'system-error'],
    ['a damaged image', ['--image', 'damaged.mmfree'], 6, 'image-damaged'],
    ['too fast a clock', ['--bitstream', 'code.bin', '--spi-mhz', '31'], 2, 'bad-value'],
    [
      'a board that is no USB device',
      ['--bitstream', 'code.bin', '--board', 'tcp:127.0.0.1:1'],
      7,
      'board-not-flashable',
    ],
    ['no board', ['--bitstream', 'code.bin', '--board', 'usb:0403:6010:NOBODY'], 3, 'board-not-found'],
    ['no server', ['--bitstream', 'code.bin', '--board', 'usbip:127.0.0.1:1'], 3, 'board-not-found'],
  ])('is refused for %s', async (_, options, exit, code) => {
    const argv = options.map((text) => (/\.(?:bin|mmfree)$|absent/.test(text) ? path(text) : text));
    const run = await mmfreeJson('gateware', 'flash', ...argv);
    expect([run.exit, run.result['error']]).toEqual([exit, expect.objectContaining({ code })]);
  });

  it('is refused for a board on the server that is no FPGA board', async () => {
    await start();
    const other = new FakeProcess();
    const running = other.run(COMMANDS, '--json', 'virtual-board', '--usbip', '127.0.0.1:0');
    while (!other.stdout.text.includes('ready')) await new Promise<void>((resolve) => other.stdout.onWrite(resolve));
    const [, address] = /"addresses":\["([^"]+)"/.exec(other.stdout.text)!;
    for (const [board, exit] of [
      [address!, 7],
      [address!.replace('/1-1', ''), 3],
      [`${address!.replace('/1-1', '')}/2-2`, 3],
    ] as const) {
      expect((await mmfree('gateware', 'flash', '--bitstream', path('code.bin'), '--board', board)).exit).toBe(exit);
    }
    other.interrupt();
    await running;
  });
});

/** Channel B of the board behind {@link selector}, as the kernel's driver has it: without the status of each packet. */
async function channelB(): Promise<Transport> {
  const { host, info } = await selectProgrammer(parseSelector(selector));
  const connection = await UsbConnection.open(host, info);
  return {
    name: 'channel B',
    isReady: true,
    start: ({ onData }) => {
      const keepReading = async (): Promise<void> => {
        // Until the connection is closed.
        for (;;) {
          const packets = await connection.bulkIn(3, 4096);
          onData(packets.filter((_, at) => at % 512 >= 2));
        }
      };
      keepReading().catch(() => {});
    },
    write: (bytes) => void connection.bulkOut(4, bytes.slice()).catch(() => {}),
    close: async () => {
      await connection.close();
      await host.close();
    },
  };
}

describe('virtual-board --ftdi', () => {
  it('answers as the firmware on channel B', async () => {
    await start('--serial-number', 'ICE-2', '--image', path('small.mmfree'));
    const session = await BoardSession.open(await channelB());
    expect(session.hello).toMatchObject({ board: 'virtual', serial: 'ICE-2', image: { name: 'small' } });
    await session.close();
  });

  it.each<[string, string[]]>([
    ['with another USB port', ['--ftdi', '127.0.0.1:0', '--usbip', '127.0.0.1:0']],
    ['and a flash file without it', ['--spi-flash-file', 'x']],
  ])('is refused %s', async (_, options) => {
    const run = await mmfreeJson('virtual-board', ...options);
    expect([run.exit, run.result['error']]).toEqual([2, expect.objectContaining({ code: 'conflicting-options' })]);
  });

  it('is refused for a flash file of another size', async () => {
    const run = await mmfreeJson('virtual-board', '--ftdi', '127.0.0.1:0', '--spi-flash-file', path('no.bin'));
    expect([run.exit, run.result['error']]).toEqual([2, expect.objectContaining({ code: 'bad-value' })]);
  });
});
