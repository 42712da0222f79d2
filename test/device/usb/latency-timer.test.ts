import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { latency } from '../../../cli/work/doctor/usb.js';
import { latencyTimers } from '../../../device/usb/latency-timer.js';
import { temporaryFolder } from '../../helpers/command-line.js';

const path = temporaryFolder();

/** A serial converter as Linux shows it. */
function plug(place: string, port: string, files: { vendor: string; product: string; timer?: string }): void {
  const device = path(`devices/${place}`);
  const folder = `${device}/${place}:1.0/${port}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${device}/idVendor`, `${files.vendor}\n`);
  writeFileSync(`${device}/idProduct`, `${files.product}\n`);
  if (files.timer !== undefined) writeFileSync(`${folder}/latency_timer`, `${files.timer}\n`);
  mkdirSync(path('bus'), { recursive: true });
  symlinkSync(folder, path(`bus/${port}`));
}

it('finds the timers of chips that FPGA boards have, and says what they cost', () => {
  plug('1-1', 'ttyUSB0', { vendor: '0403', product: '6010', timer: '16' });
  plug('1-2', 'ttyUSB1', { vendor: '0403', product: '6014', timer: '1' });
  plug('1-3', 'ttyUSB2', { vendor: '0403', product: '6001', timer: '16' });
  plug('1-4', 'ttyUSB3', { vendor: '10c4', product: 'ea60' });
  const timers = latencyTimers(path('bus'));
  expect(timers).toEqual([
    { port: 'ttyUSB0', latencyMs: 16 },
    { port: 'ttyUSB1', latencyMs: 1 },
  ]);
  expect(timers.map((timer) => latency(timer).state)).toEqual(['warn', 'ok']);
  expect(latencyTimers(path('nowhere'))).toEqual([]);
});
