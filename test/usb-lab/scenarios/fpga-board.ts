/** The stock `iceprog` and `openFPGALoader` and our programmer, one after the other, on one FPGA board. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { bitstream } from '../../helpers/bitstream.js';
import { Prng } from '../../oracle/prng.js';
import { LabFpgaBoard } from '../guest/lab-fpga-board.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelBytes, modelPath } from '../guest/models.js';
import { run, start, succeed } from '../guest/program.js';
import type { Ended } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { settle } from '../guest/usb-ports.js';

/** Few: iceprog sends every byte of a command in a transfer of its own. */
const FILE_BYTES = 600;
const IMAGE_OFFSET = 2 ** 20;
const OTHER_OFFSET = 2 ** 21;

// eslint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;

/** Takes the interface as another program does, and says so. */
const HOLDER = `import('usb').then(async ({ usb }) => {
  const device = (await usb.getDevices()).find((other) => other.vendorId === 0x0403);
  await device.open();
  await device.detachKernelDriver(0);
  await device.claimInterface(0);
  console.log('held');
  // Whatever is forgotten is closed.
  setTimeout(() => device, 600000);
});`;

export const fpgaBoard: Scenario = {
  name: 'fpga-board',
  expected:
    'iceprog, openFPGALoader and mmfree write, verify and read back one flash behind an FT2232H, with the kernel driver on it; pulled in the middle, mmfree goes on; of another program it takes nothing away',
  async run(lab) {
    const { log, folder } = lab;
    const heard: Uint8Array[] = [];
    const board = await LabFpgaBoard.plugged(lab, 'ICE-1', (wire) => {
      wire.start({
        onData: (bytes) => {
          heard.push(bytes);
          wire.write(bytes.toReversed());
        },
        onReady: () => {},
        onGone: () => {},
      });
    });
    await settle(log);
    const file = (name: string, bytes: Uint8Array): string => {
      writeFileSync(`${folder}/${name}`, bytes);
      return `${folder}/${name}`;
    };
    const random = new Prng(20_251_125);
    const content = (): Uint8Array => Uint8Array.from({ length: FILE_BYTES }, () => random.between(0, 255));
    const [code, weights, other] = [bitstream(1), content(), content()];

    // iceprog: identity, bitstream at 0, a file at 1 MiB; each is read back by itself.
    expectSays(await run(log, 'iceprog', ['-t']), /flash ID: 0xEF 0x40 0x18/);
    expectSays(await run(log, 'iceprog', [file('code', code)]), /VERIFY OK[^]*cdone: high/);
    board.expectHolds(0, code);
    expectSays(await run(log, 'iceprog', ['-o', '1M', file('weights', weights)]), /VERIFY OK/);
    board.expectHolds(IMAGE_OFFSET, weights);

    // openFPGALoader; it waits for the FPGA, which starts from what iceprog has written.
    const loader = ['-b', 'ice40_generic', '-f', '--verify', '-o', String(OTHER_OFFSET), file('other', other)];
    expectSays(await run(log, 'openFPGALoader', loader), /Detected: Winbond W25Q128[^]*Read flash[^]*DONE\s*$/);
    board.expectHolds(OTHER_OFFSET, other);
    board.expectHolds(IMAGE_OFFSET, weights);
    const stockOperations = board.board.flash.operations;

    // Ours, while the kernel's driver has both interfaces; the second one keeps it, and answers.
    const flash = ['gateware', 'flash', '--bitstream', file('code2', bitstream(2)), '--image', modelPath('dot')];
    const { result } = await mmfreeExits(log, 0, [...flash, '--board', 'usb:0403:6010:ICE-1']);
    assert.equal(result['configured'], true);
    board.expectHolds(0, bitstream(2));
    board.expectHolds(IMAGE_OFFSET, modelBytes('dot'));
    board.expectHolds(OTHER_OFFSET, other);
    const ours = board.board.flash.operations - stockOperations;
    assert.deepEqual([await driverOf(lab, board, 0), await driverOf(lab, board, 1)], ['ftdi_sio', 'ftdi_sio']);
    assert.equal(await onUart(lab, 'abcdef'), 'fedcba');
    assert.equal(Buffer.concat(heard).toString(), 'abcdef');

    // What ours has written, read by the others.
    await succeed(log, 'iceprog', ['-o', '1M', '-R', String(FILE_BYTES), `${folder}/back`]);
    assert.deepEqual(new Uint8Array(readFileSync(`${folder}/back`)), modelBytes('dot').slice(0, FILE_BYTES));

    await pulled(lab, board);
    await busy(lab, board);
    assert.equal(board.board.flash.overwrites, 0, 'something was programmed without being erased');
    return {
      'flash operations of stock tools': stockOperations,
      'of mmfree': ours,
      'bytes compared': 2 * code.length + weights.length + other.length + FILE_BYTES + 2 * modelBytes('dot').length,
    };
  },
};

function expectSays({ exit, stdout, stderr }: Ended, expected: RegExp): void {
  assert.equal(exit, 0);
  // In colours, even where nobody sees them.
  assert.match(`${stderr}${stdout}`.replaceAll(COLOUR, ''), expected);
}

async function driverOf(lab: Lab, board: LabFpgaBoard, interfaceNumber: number): Promise<string> {
  const link = `/sys/bus/usb/devices/${board.place}:1.${interfaceNumber}/driver`;
  return (await succeed(lab.log, 'sh', ['-c', `basename $(readlink ${link})`])).trim();
}

/** Sends a text to channel B by the kernel's serial port. @returns as many characters of the answer */
async function onUart({ log }: Lab, text: string): Promise<string> {
  const command = `exec 3<>/dev/ttyUSB1; stty raw -echo <&3; printf ${text} >&3; head -c ${text.length} <&3`;
  return await succeed(log, 'sh', ['-c', command]);
}

/** The cable goes in the middle of a flash; the same command goes on. */
async function pulled({ log }: Lab, board: LabFpgaBoard): Promise<void> {
  const flash = ['gateware', 'flash', '--image', modelPath('dash')];
  const { place } = board;
  // Behind those that say what flash it is.
  let left = 8;
  board.onWrite = () => {
    if (--left === 0) board.pull();
  };
  await mmfreeExits(log, 8, flash);
  board.onWrite = undefined;
  await board.gone(place);
  await board.plugIn();
  await settle(log);
  await mmfreeExits(log, 0, flash);
  board.expectHolds(IMAGE_OFFSET, modelBytes('dash'));
}

/** Held by another program, which keeps it. */
async function busy({ log }: Lab, board: LabFpgaBoard): Promise<void> {
  const { operations } = board.board.flash;
  const holder = start(log, process.execPath, ['-e', HOLDER], { silentMs: 600_000 });
  await until('the other program', () => holder.stdout().includes('held'));
  await mmfreeExits(log, 5, ['gateware', 'flash', '--image', modelPath('dot')]);
  holder.kill('SIGTERM');
  await holder.ended;
  assert.equal(board.board.flash.operations, operations, 'it was written to');
}
