/** What the tools of every Linux say about a board. */

import assert from 'node:assert/strict';
import type { DfuMode } from '../../../firmware-host/firmware/usb/dfu.js';
import { LabBoard } from '../guest/lab-board.js';
import { eventsOf, startMmfree } from '../guest/mmfree.js';
import { modelPath } from '../guest/models.js';
import { run, succeed } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { gone, plugIn, settle } from '../guest/usb-ports.js';

/** What they say about descriptors that they do not like. */
const COMPLAINT = /warning|error|invalid|unrecogni[sz]ed|unknown|couldn't|can't|cannot|missing|bad |\(\?\)/i;

export const stockTools: Scenario = {
  name: 'stock-tools',
  expected:
    'usbip list, lsusb -v and dfu-util -l read our descriptors without a warning, and show the alternate settings',
  async run(lab) {
    let lines = await lookAtProgram(lab);
    for (const dfu of ['reset', 'will-detach'] as const) {
      const board = await LabBoard.plugged(lab, { serial: serialOf(dfu), model: 'dot', dfu });
      lines += await lookAt(lab, dfu, board.address, board.place);
      await board.end();
    }
    return { modes: 3, 'lines of lsusb without a warning': lines };
  },
};

/** A board as a user starts it. */
async function lookAtProgram(lab: Lab): Promise<number> {
  const { log } = lab;
  const options = ['--serial-number', serialOf('always'), '--image', modelPath('dot'), '--usbip'];
  const board = startMmfree(log, ['virtual-board', ...options], { silentMs: 600_000 });
  try {
    await until('the virtual board', () => eventsOf(board.stdout()).some(({ type }) => type === 'ready'));
    const address = { tcpPort: 3240, busId: '1-1' };
    const { place } = await plugIn(log, address.tcpPort, address.busId);
    const lines = await lookAt(lab, 'always', address, place);
    board.kill('SIGTERM');
    await gone(place);
    return lines;
  } finally {
    board.kill('SIGKILL');
    await board.ended;
  }
}

function serialOf(dfu: DfuMode): string {
  return `TOOLS-${dfu}`;
}

/** @returns lines that lsusb prints */
async function lookAt(
  { log }: Lab,
  dfu: DfuMode,
  { tcpPort, busId }: LabBoard['address'],
  place: string,
): Promise<number> {
  const serial = serialOf(dfu);
  const exported = await succeed(log, 'usbip', ['--tcp-port', String(tcpPort), 'list', '--remote', '127.0.0.1']);
  assert.match(exported, new RegExp(String.raw`${busId}: .*\(1209:0001\)`));
  assert.match(exported, /\(ef\/02\/01\)/, 'class of the device');

  await settle(log);
  const device = await deviceFile(log, place);
  const verbose = await run(log, 'lsusb', ['-v', '-D', device]);
  assert.equal(verbose.exit, 0);
  const complaint = `${verbose.stdout}${verbose.stderr}`.split('\n').find((line) => COMPLAINT.test(line));
  assert.equal(complaint, undefined, 'lsusb complains');
  for (const text of [serial, 'weights', 'Binary Object Store Descriptor', 'WebUSB', 'CDC ACM']) {
    assert.ok(verbose.stdout.includes(text), `lsusb -v does not show ${text}`);
  }

  const list = await run(log, 'dfu-util', ['-l', '-d', '1209:0001', '-S', serial]);
  assert.equal(list.exit, 0);
  assert.equal(list.stderr, '', 'dfu-util complains');
  const found = list.stdout.split('\n').filter((line) => line.startsWith('Found '));
  const expected = dfu === 'always' ? ['DFU', 'gateware'] : ['Runtime'];
  for (const text of ['weights', serial, ...expected])
    assert.ok(found.join().includes(text), `dfu-util -l: no ${text}`);
  return verbose.stdout.split('\n').length;
}

/** Such as `/dev/bus/usb/001/002`. */
async function deviceFile(log: Lab['log'], place: string): Promise<string> {
  const folder = `/sys/bus/usb/devices/${place}`;
  const numbers = await succeed(log, 'cat', [`${folder}/busnum`, `${folder}/devnum`]);
  const [bus = '', device = ''] = numbers.split('\n').map((number) => number.padStart(3, '0'));
  return `/dev/bus/usb/${bus}/${device}`;
}
