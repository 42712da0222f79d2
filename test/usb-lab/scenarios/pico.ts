/**
 * The firmware for RP2040, the binary itself, before the drivers of Linux and the stock `dfu-util`. Its power comes
 * from elsewhere: a cable that is pulled ends a download, and nothing else. Its boot mode is a model.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { EXIT } from '../../../cli/exit-codes.js';
import { mmfreeExits } from '../guest/mmfree.js';
import { modelBytes, modelPath, type ModelName } from '../guest/models.js';
import { run, start, succeed, type Ended } from '../guest/program.js';
import type { Lab, Scenario } from '../guest/scenario.js';
import { until } from '../guest/until.js';
import { gone, plugIn, pullOut, serialPortOf, type PluggedDevice } from '../guest/usb-ports.js';

/** This computer, as guests see it (QEMU's user network). */
const HOST = '10.0.2.2';
const BUS_ID = '1-1';
const POINTS = 20;
/** Of a download, at which the cable comes out last; before the first block the board has its old model. */
const MOST_PERCENT = 90;
/** As often a download goes on to its end, and what it brought is read back. */
const WHOLE_EVERY = 5;
const SECTOR_BYTES = 4096;
const DFU = ['-d', '1209:0001', '-a', 'weights'];
/** The chip is emulated beside the guest: on a busy computer both are slow. dfu-util waits 5 s, whatever it is told. */
const PATIENT = { silentMs: 240_000 };
const COMPLAINT = /warning|error|invalid|unrecogni[sz]ed|unknown|couldn't|can't|cannot|missing/i;
/** A request that the board stalls: why, dfu-util does not ask. */
const REFUSED = /Error during upload \(LIBUSB_ERROR_PIPE\)/;

export const pico: Scenario = {
  name: 'pico',
  expected:
    'cdc_acm carries checked runs, dfu-util flashes and reads back, lsusb has no complaint; a board whose cable came out in a flash says that it has no model, and takes the next one',
  needsAll: true,
  async run(lab) {
    const { log } = lab;
    const board = new Pico(lab, Number(process.env['PICO']));
    await board.plugIn();
    assert.doesNotMatch(await succeed(log, 'lsusb', ['-v', '-d', '1209:0001']), COMPLAINT);
    await board.runs('dot');
    await board.isFlashed('dash');
    await board.runs('dash');
    for (let point = 0; point < POINTS; point++) {
      await board.loses(point % 2 === 0 ? 'red' : 'green', (MOST_PERCENT * (point + 1)) / POINTS);
      if (point % WHOLE_EVERY === WHOLE_EVERY - 1) await board.isFlashed(point % 2 === 0 ? 'green' : 'red');
    }
    await board.loses('blue', 50);
    await board.hasNoModel();
    const { result } = await mmfreeExits(log, 0, ['flash', modelPath('dot')], PATIENT);
    assert.equal(result['over'], 'DFU');
    await board.runs('dot');
    await board.goesToBootMode();
    await board.isMade('dash');
    await board.runs('dash');
    return {
      'flashes by dfu-util, read back': board.flashes,
      'bytes read back': board.bytes,
      'cables pulled': POINTS + 1,
      'bytes made in boot mode': board.made,
      'tokens checked': board.tokens,
    };
  },
};

class Pico {
  readonly #lab: Lab;
  readonly #tcpPort: number;
  #device: PluggedDevice | undefined;
  #uploads = 0;
  flashes = 0;
  bytes = 0;
  tokens = 0;
  /** Written by PICOBOOT. */
  made = 0;

  constructor(lab: Lab, tcpPort: number) {
    this.#lab = lab;
    this.#tcpPort = tcpPort;
  }

  async plugIn(): Promise<void> {
    this.#device = await plugIn(this.#lab.log, this.#tcpPort, BUS_ID, HOST);
  }

  /** A run over its serial port, each receipt that of the reference. */
  async runs(model: ModelName): Promise<void> {
    const port = `serial:${await serialPortOf(this.#device!.place)}`;
    const options = ['--board', port, '--image', modelPath(model), '--check', '--ids', '--max-tokens', '8'];
    const { result } = await mmfreeExits(this.#lab.log, 0, ['run', ...options, '1 2 3'], PATIENT);
    this.tokens += Number(result['receipts_checked']);
  }

  async hasNoModel(): Promise<void> {
    const port = `serial:${await serialPortOf(this.#device!.place)}`;
    const args = ['run', '--board', port, '--ids', '--max-tokens', '1', '1 2 3'];
    const { error } = await mmfreeExits(this.#lab.log, EXIT.badImage, args, PATIENT);
    assert.equal(error.code, 'board-no-image');
  }

  /** By the touch of its port with 1,200 baud. */
  async goesToBootMode(): Promise<void> {
    const { log } = this.#lab;
    await succeed(log, 'stty', ['-F', await serialPortOf(this.#device!.place), '1200']);
    await this.#comesBack();
    assert.match(await succeed(log, 'lsusb', []), /2e8a:0003/);
  }

  /** From boot mode, by one command, which waits for what it has started. */
  async isMade(model: ModelName): Promise<void> {
    const { log } = this.#lab;
    const board = `usb:${this.#device!.place}`;
    const { result } = await mmfreeExits(log, 0, ['flash', modelPath(model), '--board', board, '--dry-run'], PATIENT);
    const [{ result: flashed }] = await Promise.all([
      mmfreeExits(log, 0, ['flash', modelPath(model), '--board', board], PATIENT),
      this.#comesBack(),
    ]);
    assert.equal(flashed['over'], 'PICOBOOT');
    // The firmware was there; its first sector is erased first and written last all the same.
    assert.equal(flashed['written_bytes'], Number(result['differing_bytes']) + SECTOR_BYTES);
    this.made = flashed['written_bytes'];
  }

  /** It leaves the bus by itself, and is offered anew, as something else. */
  async #comesBack(): Promise<void> {
    await gone(this.#device!.place);
    await until('the Pico to be offered again', async () => {
      const args = ['--tcp-port', String(this.#tcpPort), 'list', '--remote', HOST];
      return (await run(this.#lab.log, 'usbip', args)).stdout.includes(BUS_ID);
    });
    await this.plugIn();
  }

  /** By dfu-util, which then reads the same bytes back. */
  async isFlashed(model: ModelName): Promise<void> {
    await succeed(this.#lab.log, 'dfu-util', [...DFU, '-D', modelPath(model)]);
    const { exit, back } = await this.#read();
    assert.equal(exit, 0, 'what was flashed cannot be read');
    assert.deepEqual(new Uint8Array(readFileSync(back)), modelBytes(model), 'what is read back differs');
    this.flashes++;
    this.bytes += modelBytes(model).length;
  }

  /** Its cable comes out when dfu-util has sent so much of a model, and goes in again. */
  async loses(model: ModelName, percent: number): Promise<void> {
    const { log } = this.#lab;
    const flashing = start(log, 'dfu-util', [...DFU, '-D', modelPath(model)]);
    await until(`${percent} % of a download`, () => percentOf(flashing.stdout()) >= percent);
    pullOut(log, this.#device!);
    assert.notEqual((await flashing.ended).exit, 0, 'the cable came out too late');
    await gone(this.#device!.place);
    await this.plugIn();
    const { exit, stderr } = await this.#read();
    assert.notEqual(exit, 0, 'half a model is read back');
    assert.match(stderr, REFUSED);
  }

  async #read(): Promise<Ended & { readonly back: string }> {
    const { log, folder } = this.#lab;
    const back = `${folder}/back-${++this.#uploads}`;
    return { ...(await run(log, 'dfu-util', [...DFU, '-U', back])), back };
  }
}

/** The last one that it has shown of a download; -1 before. */
function percentOf(stdout: string): number {
  return Number([...stdout.matchAll(/(\d+)%/g)].at(-1)?.[1] ?? -1);
}
