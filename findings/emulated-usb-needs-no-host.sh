#!/usr/bin/env bash
# A USB device that no host can see, or that answers with STALL, is connected and talks in the emulated RP2040.
#
# The device of rp2040js 1.4.1 with the host that the package brings (USBCDC) is what tests of firmware print through.
# Its controller gives a buffer away the moment that AVAILABLE is written, whether or not there is a host, and looks at
# hardly more than its length. So each of these devices is found, configured and heard to the last byte: one that never
# pulls D+ up, one that does not take the address it was given, one whose packets are all DATA0 (the data stage begins
# with DATA1, and a host discards a second DATA0 as a repetition: USB 2.0, 8.5.3 and 8.6), one that never says its
# buffers are full (the chip answers NAK: RP2040 data sheet, 4.1.2.6.2), one whose endpoint is not enabled, and one that
# has the STALL bit in each buffer of its endpoint (the chip sends STALL before it looks at anything else). STALL alone,
# the way in which firmware refuses a request, reaches nobody: no callback is called, and EP_STALL_ARM outlives the next
# SETUP, which clears it in the chip (4.1.2.6.1). Nothing of this is among the limits that the package's README names.
#
# Exit 0: seen as described. Exit 1: the package behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact --ignore-scripts rp2040js@1.4.1 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { ConsoleLogger, LogLevel, RP2040, USBCDC } from 'rp2040js';

const [MEMORY, USB] = [0x50100000, 0x50110000];
const [ADDRESS, MAIN, SIE, STATUS, BUFFERS, STALL_ARM, MUXING, POWER] = [0, 0x40, 0x4c, 0x50, 0x58, 0x68, 0x74, 0x78];
const [RESET, SETUP] = [1 << 19, 1 << 17];
const [FULL, DATA1, STALL, AVAILABLE] = [1 << 15, 1 << 13, 1 << 11, 1 << 10];
// configuration, interface of data, bulk endpoint 2 to the device, bulk endpoint 1 to the host
const DESCRIPTOR = Buffer.from('0902200001010080320904000002' + '0a0000000705020240000007058102400000', 'hex');

/** Firmware that polls, as far as its registers can tell. `flaw` is what it does wrong. */
class Device {
  constructor(flaw) {
    this.flaw = flaw;
    this.chip = new RP2040();
    this.chip.logger = new ConsoleLogger(LogLevel.Error);
    this.isData1 = false;
  }
  read = (offset) => this.chip.readUint32(USB + offset);
  write = (offset, value) => this.chip.writeUint32(USB + offset, value);
  start() {
    this.write(MUXING, 0b1001);
    this.write(POWER, 0b1100);
    if (this.flaw !== 'no pull-up') this.write(SIE, 1 << 16);
    this.write(MAIN, 1);
  }
  send(endpoint, bytes, isData1) {
    const at = endpoint === 0 ? 0x100 : 0x180;
    for (let index = 0; index < bytes.length; index += 4)
      this.chip.writeUint32(MEMORY + at + index, Buffer.concat([bytes, Buffer.alloc(3)]).readUInt32LE(index));
    let control = bytes.length;
    if (this.flaw !== 'never full') control |= FULL;
    if (isData1 && this.flaw !== 'always DATA0') control |= DATA1;
    if (endpoint === 1 && this.flaw === 'STALL in each buffer') control |= STALL;
    this.chip.writeUint32(MEMORY + 0x80 + 8 * endpoint, control);
    this.chip.writeUint32(MEMORY + 0x80 + 8 * endpoint, control | AVAILABLE);
    this.chip.clock.tick(1e6);
  }
  say(text) {
    this.send(1, Buffer.from(text), this.isData1);
    this.isData1 = !this.isData1;
  }
  poll() {
    this.chip.clock.tick(11e6);
    const status = this.read(STATUS);
    if (status & RESET) this.write(STATUS, RESET);
    this.write(BUFFERS, this.read(BUFFERS));
    if (!(status & SETUP)) return;
    this.write(STATUS, SETUP);
    const setup = Buffer.from(this.chip.usbDPRAM.slice(0, 8));
    const [, request, value] = setup;
    const isDescriptor = request === 6;
    const enabled = this.flaw === 'endpoint not enabled' ? 0 : 2 ** 31;
    if (request === 9) this.chip.writeUint32(MEMORY + 8, enabled + (2 << 26) + 0x180);
    this.send(0, isDescriptor ? DESCRIPTOR.subarray(0, setup.readUInt16LE(6)) : Buffer.alloc(0), true);
    if (isDescriptor) this.chip.writeUint32(MEMORY + 0x84, DATA1 | AVAILABLE); // the host's empty packet
    if (request === 5 && this.flaw !== 'address not taken') this.write(ADDRESS, value);
  }
}

function tell(flaw) {
  const device = new Device(flaw);
  const host = new USBCDC(device.chip.usbCtrl);
  let [isConnected, text] = [false, ''];
  host.onDeviceConnected = () => (isConnected = true);
  host.onSerialData = (bytes) => (text += Buffer.from(bytes));
  device.start();
  for (let turn = 0; turn < 10; turn++) device.poll();
  device.say('one, ');
  device.say('two, ');
  device.say('three');
  return `${isConnected ? 'connected' : 'not connected'}, heard '${text}'`;
}

const unseen = ['no pull-up', 'address not taken', 'endpoint not enabled'];
const misspoken = ['always DATA0', 'never full', 'STALL in each buffer'];
const heard = ['none', ...unseen, ...misspoken].map((flaw) => [flaw, tell(flaw)]);
for (const [flaw, what] of heard) console.log(`flaw: ${flaw}: ${what}`);
let isAsDescribed = heard.every(([, what]) => what === "connected, heard 'one, two, three'");

const alone = new Device('none');
alone.start();
alone.chip.writeUint32(MEMORY + 0x88, FULL | AVAILABLE | 5);
const [sent, left] = [alone.read(BUFFERS), alone.chip.readUint32(MEMORY + 0x88)];
console.log(`no host at all: right after AVAILABLE, BUFF_STATUS is ${sent} and buffer control ${left}: sent`);
isAsDescribed &&= sent === 1 << 2 && left === 5;

const refusing = new Device('none');
let calls = 0;
const count = () => (calls += 1);
Object.assign(refusing.chip.usbCtrl, { onEndpointWrite: count, onEndpointRead: count });
refusing.start();
refusing.write(STALL_ARM, 0b11);
refusing.chip.writeUint32(MEMORY + 0x80, STALL);
refusing.chip.writeUint32(MEMORY + 0x84, STALL);
refusing.chip.clock.tick(1e9);
refusing.chip.usbCtrl.sendSetupPacket(Uint8Array.of(0x80, 6, 0, 1, 0, 0, 18, 0));
const armed = refusing.read(STALL_ARM);
console.log(`a request refused: ${calls} calls of the host, EP_STALL_ARM ${armed} after the next SETUP`);
isAsDescribed &&= calls === 0 && armed === 3;
process.exitCode = isAsDescribed ? 0 : 1;
EOT
echo "node $(node --version), rp2040js 1.4.1"
node seen.mjs
