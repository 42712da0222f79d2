/** What the tools of every Linux say about a board. */

import assert from 'node:assert/strict';
import type { DfuMode } from '../../../firmware-host/usb/dfu.js';
import { eventsOf, startMmfree } from '../guest/mmfree.js';
import { modelPath } from '../guest/models.js';
import { run, succeed } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { gone, plugIn, settle } from '../guest/usb-ports.js';

const MODES = ['always', 'reset', 'will-detach'] as const;
/** The standard one; boards of other modes are behind the next. */
const TCP_PORT = 3240;
/** What they say about descriptors that they do not like. */
const COMPLAINT = /warning|error|invalid|unrecogni[sz]ed|unknown|couldn't|can't|cannot|missing|bad |\(\?\)/i;

export const stockTools: Scenario = {
  name: 'stock-tools',
  expected:
    'usbip list, lsusb -v and dfu-util -l read our descriptors without a warning, and show the alternate settings',
  async run(lab) {
    let lines = 0;
    const places: string[] = [];
    lab.atEnd(async () => {
      for (const place of places) await gone(place);
    });
    // Each a process, as a user starts it; they start together, which is quicker.
    await Promise.all(MODES.map((dfu, index) => startVirtualBoard(lab, dfu, TCP_PORT + index)));
    for (const [index, dfu] of MODES.entries()) {
      const { place } = await plugIn(lab.log, TCP_PORT + index, '1-1');
      places.push(place);
      lines += await lookAt(lab, dfu, TCP_PORT + index, place);
    }
    return { modes: MODES.length, 'lines of lsusb': lines, warnings: 0 };
  },
};

async function startVirtualBoard({ log, atEnd }: Lab, dfu: DfuMode, tcpPort: number): Promise<void> {
  const options = ['--serial-number', serialOf(dfu), '--dfu', dfu, '--image', modelPath('dot')];
  const usbip = ['--usbip', `127.0.0.1:${tcpPort}`];
  const board = startMmfree(log, ['virtual-board', ...options, ...usbip], { silentMs: 600_000 });
  atEnd(async () => {
    board.kill('SIGTERM');
    await board.ended;
  });
  await until(`the board of mode ${dfu}`, () => eventsOf(board.stdout()).some(({ type }) => type === 'ready'));
}

function serialOf(dfu: DfuMode): string {
  return `TOOLS-${dfu}`;
}

/** @returns lines that lsusb prints */
async function lookAt({ log }: Lab, dfu: DfuMode, tcpPort: number, place: string): Promise<number> {
  const serial = serialOf(dfu);
  const exported = await succeed(log, 'usbip', ['--tcp-port', String(tcpPort), 'list', '--remote', '127.0.0.1']);
  assert.match(exported, /1-1: .*\(1209:0001\)/);
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
