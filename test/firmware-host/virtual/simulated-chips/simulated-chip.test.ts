/** The line of a simulated chip, with a program that repeats what it hears in place of the simulator. */

import { chmodSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SimulatedChip } from '../../../../firmware-host/virtual/simulated-chips/simulated-chip.js';
import type { Wire, WireEvents } from '../../../../firmware-host/virtual/wires/wire.js';
import { temporaryFolder } from '../../../helpers/command-line.js';

const path = temporaryFolder();
let chip: SimulatedChip | undefined;

beforeAll(() => {
  for (const [name, script] of [
    ['echo', 'exec cat'],
    ['broken', 'echo "flash: no file" >&2; exit 3'],
  ] as const) {
    writeFileSync(path(name), `#!/bin/sh\n${script}\n`);
    chmodSync(path(name), 0o755);
  }
});

afterEach(() => chip?.stop());

/** A host's end of a wire. */
class Host {
  events: WireEvents | undefined;
  isClosed = false;
  heard = '';
  #onHeard = (): void => {};
  readonly wire: Wire = {
    isReady: true,
    start: (events) => (this.events = events),
    write: (bytes) => {
      this.heard += Buffer.from(bytes).toString();
      this.#onHeard();
    },
    close: () => (this.isClosed = true),
  };

  say(text: string): void {
    this.events?.onData(Buffer.from(text));
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.includes(text)) await new Promise<void>((resolve) => (this.#onHeard = resolve));
  }
}

const unexpected = (error: Error): void => {
  throw error;
};

describe('the line of a simulated chip', () => {
  it('is the first host’s until that goes, and then the next one’s', async () => {
    chip = new SimulatedChip({ program: path('echo'), image: 'x', onEnd: unexpected });
    const [first, second] = [new Host(), new Host()];
    chip.connect(first.wire);
    chip.connect(second.wire);
    first.say('one');
    await first.hears('one');
    second.say('never');
    first.events?.onGone();
    second.say('two');
    await second.hears('two');
    expect([first.heard, second.heard]).toEqual(['one', 'two']);
  });

  it('ends with the simulator, with its last words', async () => {
    const ended = new Promise<Error>((resolve) => {
      chip = new SimulatedChip({ program: path('broken'), image: 'x', onEnd: resolve });
    });
    expect(await ended).toMatchObject({ code: 'gateware-tool-failed', reason: 'It said: flash: no file' });
  });
});
