/** Boards that are there and cannot be used: each for a reason of its own, with a fix that works. */

import assert from 'node:assert/strict';
import { LabBoard } from '../guest/lab-board.js';
import { mmfree, mmfreeExits } from '../guest/mmfree.js';
import type { MmfreeRun } from '../guest/mmfree.js';
import { modelPath, modelSha256 } from '../guest/models.js';
import { start, succeed } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { serialPortOf, settle } from '../guest/usb-ports.js';
import { until } from '../guest/until.js';

export const access: Scenario = {
  name: 'access',
  expected:
    'absent, denied, busy and held by another driver are different errors with different exit codes, and what they say to do helps',
  async run(lab) {
    const fixes: string[] = [];
    const errors = [
      await absent(lab),
      ...(await busy(lab)),
      ...(await heldByOtherDriver(lab, fixes)),
      // Last, because it installs a udev rule.
      ...(await denied(lab, fixes)),
    ];
    const codes = new Set(errors.map(({ error }) => error.code));
    const exits = new Set(errors.map(({ exit }) => exit));
    assert.equal(codes.size, exits.size, 'two kinds of error share an exit code');
    return { errors: errors.length, 'exit codes': exits.size, 'fixes that helped': fixes.length };
  },
};

async function absent({ log }: Lab): Promise<MmfreeRun> {
  return await mmfreeExits(log, 3, ['flash', modelPath('dot'), '--board', 'NOBODY-HAS-THIS']);
}

/** Another program has the serial port. */
async function busy(lab: Lab): Promise<MmfreeRun[]> {
  const { log } = lab;
  const board = await LabBoard.plugged(lab, { serial: 'BUSY', model: 'dot' });
  const port = await serialPortOf(board.place);
  const hold = `exec 9<> ${port} && flock 9 && echo locked && exec sleep 600`;
  const holder = start(log, 'sh', ['-c', hold], { silentMs: 600_000 });
  await until('the lock on the port', () => holder.stdout().includes('locked'));
  const refused = await mmfreeExits(log, 5, ['run', '--board', board.serial, '--ids', '--max-tokens', '1']);
  holder.kill('SIGTERM');
  await holder.ended;
  await board.end();
  return [refused];
}

/** The kernel has given the interface for DFU to a driver for serial converters. */
async function heldByOtherDriver(lab: Lab, fixes: string[]): Promise<MmfreeRun[]> {
  const { log } = lab;
  await succeed(log, 'modprobe', ['usb_serial_simple']);
  const board = await LabBoard.plugged(lab, { serial: 'HELD', model: 'dot' });
  await succeed(log, 'sh', ['-c', 'echo 1209 0001 > /sys/bus/usb-serial/drivers/funsoft/new_id']);
  await settle(log);
  const refused = await mmfreeExits(log, 16, ['flash', modelPath('dash'), '--board', board.serial]);
  assert.equal(board.runs, modelSha256('dot'));
  const command = commandOf(refused);
  await succeed(log, 'sh', ['-c', command]);
  await mmfreeExits(log, 0, ['flash', modelPath('dash'), '--board', board.serial, '--dry-run']);
  fixes.push(command);
  await succeed(log, 'modprobe', ['--remove', 'usb_serial_simple']);
  await board.end();
  return [refused];
}

async function denied(lab: Lab, fixes: string[]): Promise<MmfreeRun[]> {
  const { log } = lab;
  const board = await LabBoard.plugged(lab, { serial: 'DENIED', model: 'dot' });
  await settle(log);
  const asNobody = { asNobodyIn: [] };
  const flash = ['flash', modelPath('dash'), '--board', board.serial];
  const run = ['run', '--board', board.serial, '--ids', '--max-tokens', '2'];
  const refused = [await mmfreeExits(log, 4, flash, asNobody), await mmfreeExits(log, 4, run, asNobody)];
  for (const { error } of refused) assert.match(`${error.cause} ${error.fix}`, /\/dev\/.*mode|crw-/);

  const { result, events } = await mmfree(log, ['boards'], asNobody);
  assert.equal(result['boards'], 1);
  assert.equal(events.find(({ type }) => type === 'board')?.['state'], 'denied');

  // `sudo mmfree doctor --fix`, as the error says; then plug the board in again.
  assert.match(refused[0]?.error.fix ?? '', /sudo mmfree doctor --fix/);
  await mmfreeExits(log, 0, ['doctor', '--fix']);
  board.pull('cable');
  await board.putBack();
  await settle(log);
  // Over DFU, and then it proves itself through the serial port.
  await mmfreeExits(log, 0, flash, { asNobodyIn: ['plugdev'] });
  assert.equal(board.runs, modelSha256('dash'));
  fixes.push('mmfree doctor --fix');
  return refused;
}

/** The command in a fix, between backquotes; the guest's user is root. */
function commandOf({ error }: MmfreeRun): string {
  const [, command] = /`([^`]+)`/.exec(error.fix) ?? [];
  assert.ok(command, `no command in: ${error.fix}`);
  return command.replaceAll('sudo ', '');
}
