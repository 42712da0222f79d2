import { expect, it } from 'vitest';
import { deviceRecord } from '../../../../firmware-host/virtual/usbip/usbip-protocol.js';

const SPEED_AT = 256 + 32 + 8;

// Linux used to complain of the Pico's endpoints, as it took it for a high-speed device.
it.each([
  ['high', 512, 3],
  ['full', 64, 2],
])('a device with the bulk packets of %s speed is one of that', (_, packetBytes, speed) => {
  const endpoint = [7, 5, 0x82, 2, packetBytes & 0xff, packetBytes >> 8, 0];
  const configuration = Uint8Array.of(9, 2, 25, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 1, 10, 0, 0, 0, ...endpoint);
  const device = { busId: '1-1', busNumber: 1, deviceNumber: 2, configuration, configurationValue: 1 };
  const record = deviceRecord({ ...device, device: new Uint8Array(18) });
  expect(new DataView(record.buffer).getUint32(SPEED_AT)).toBe(speed);
});
