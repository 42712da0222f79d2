import { describe, expect, it, vi } from 'vitest';
import { openSerial } from '../../../../device/transport/serial-transport.js';
import { openPseudoTerminal } from '../../../../firmware-host/virtual/wires/pseudo-terminal.js';
import { hasProgram } from '../../../helpers/system.js';

const ALL_BYTES = Uint8Array.from({ length: 256 * 64 }, (_, index) => index & 255);

describe.skipIf(!hasProgram('script'))('a pseudo-terminal', () => {
  it('carries every byte as it is, both ways', async () => {
    const { path, wire } = await openPseudoTerminal();
    const port = await openSerial(path, 115_200);
    const [there, back]: Uint8Array[][] = [[], []];
    const lengthOf = (pieces: Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
    await new Promise<void>((resolve) => {
      port.start({
        onData: (bytes) => {
          back?.push(bytes);
          if (lengthOf(back ?? []) === ALL_BYTES.length) resolve();
        },
        onReady: () => {},
        onLost: () => {},
      });
      wire.start({
        onData: (bytes) => {
          there?.push(bytes.slice());
          wire.write(bytes.slice());
        },
        onReady: () => {},
        onGone: () => {},
      });
      port.write(ALL_BYTES);
    });
    expect(Buffer.concat(there ?? []).equals(ALL_BYTES)).toBe(true);
    expect(Buffer.concat(back ?? []).equals(ALL_BYTES)).toBe(true);
    await port.close();
    wire.close();
  });

  it('is told to its host when it is taken away', async () => {
    const { path, wire } = await openPseudoTerminal();
    const port = await openSerial(path, 115_200);
    const lost = new Promise<string>((resolve) => {
      port.start({ onData: () => {}, onReady: () => {}, onLost: resolve });
    });
    wire.start({ onData: () => {}, onReady: () => {}, onGone: () => {} });
    wire.close();
    expect(await lost).toContain('gone');
    await port.close();
  });

  it('is for one program at a time', async () => {
    const { path, wire } = await openPseudoTerminal();
    const first = await openSerial(path, 115_200);
    await expect(openSerial(path, 115_200)).rejects.toMatchObject({ code: 'board-busy' });
    await first.close();
    const second = await openSerial(path, 115_200);
    await second.close();
    wire.close();
  });
});

it('without `script` is an error of the system', async () => {
  vi.stubEnv('PATH', '/nowhere');
  await expect(openPseudoTerminal()).rejects.toMatchObject({ code: 'ENOENT' });
  vi.unstubAllEnvs();
});
