/** What the tools of every Linux say about a board. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { run, succeed } from '../guest/program.js';
import type { Scenario } from '../guest/scenario.js';
import { settle } from '../guest/usb-ports.js';

/** What they say about descriptors that they do not like. */
const COMPLAINT = /warning|error|invalid|unrecogni[sz]ed|unknown|couldn't|can't|cannot|missing|bad |\(\?\)/i;

export const stockTools: Scenario = {
  name: 'stock-tools',
  expected:
    'usbip list, lsusb -v and dfu-util -l read our descriptors without a warning, and show the alternate settings',
  async run(lab) {
    const { log } = lab;
    let descriptorLines = 0;
    for (const dfu of ['always', 'reset', 'will-detach'] as const) {
      const board = await LabBoard.plugged(lab, { serial: `TOOLS-${dfu}`, model: 'dot', dfu });
      await settle(log);

      const { tcpPort, busId } = board.address;
      const exported = await succeed(log, 'usbip', ['--tcp-port', String(tcpPort), 'list', '--remote', '127.0.0.1']);
      assert.match(exported, new RegExp(String.raw`${busId}: .*\(1209:0001\)`));
      assert.match(exported, /\(ef\/02\/01\)/, 'class of the device');

      const verbose = await run(log, 'lsusb', ['-v', '-d', '1209:0001']);
      assert.equal(verbose.exit, 0);
      const complaint = `${verbose.stdout}${verbose.stderr}`.split('\n').find((line) => COMPLAINT.test(line));
      assert.equal(complaint, undefined, 'lsusb complains');
      for (const text of [board.serial, 'weights', 'Binary Object Store Descriptor', 'WebUSB', 'CDC ACM']) {
        assert.ok(verbose.stdout.includes(text), `lsusb -v does not show ${text}`);
      }
      descriptorLines += verbose.stdout.split('\n').length;

      const list = await run(log, 'dfu-util', ['-l', '-d', '1209:0001']);
      assert.equal(list.exit, 0);
      assert.equal(list.stderr, '', 'dfu-util complains');
      const [first = '', ...others] = list.stdout.split('\n').filter((line) => line.startsWith('Found '));
      assert.match(first, dfu === 'always' ? /^Found DFU:/ : /^Found Runtime:/);
      assert.match(list.stdout, new RegExp(`name="weights", serial="${board.serial}"`));
      if (dfu === 'always') assert.match(others.join('\n'), /alt=\d, name="weights"|alt=\d, name="gateware"/);
      await board.end();
    }
    return { modes: 3, 'lines of lsusb': descriptorLines, warnings: 0 };
  },
};
