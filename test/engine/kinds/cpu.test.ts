/** The machine `cpu` reads its image as long as it is open, and computes with what was checked or not at all. */
import { fstatSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openCpuMachine } from '../../../engine/kinds/cpu.js';
import type { Machine } from '../../../model/machine/machine.js';
import { GREEDY } from '../../../protocol/sampling.js';
import { temporaryFolder } from '../../helpers/command-line.js';
import { gathered } from '../../helpers/machines.js';
import { tinyImage } from '../../helpers/tiny-image.js';

const path = temporaryFolder();
const { signal } = new AbortController();

/** A machine with an image that is a file of its own. */
async function opened(name: string): Promise<Machine> {
  writeFileSync(path(name), tinyImage());
  // Long ago, so that any time is another one.
  utimesSync(path(name), 1, 1);
  return (await openCpuMachine({ image: path(name), threads: 1 }, { signal })).machine;
}

async function generate(machine: Machine): Promise<unknown[]> {
  return await gathered((await machine.open()).generate({ prompt: [1], maxTokens: 4, sampler: GREEDY }));
}

it('goes on with its image when another one takes its name, or nobody has it', async () => {
  const machine = await opened('kept');
  const expected = await generate(machine);
  writeFileSync(path('other'), 'other');
  renameSync(path('other'), path('kept'));
  expect(await generate(machine)).toEqual(expected);
  rmSync(path('kept'));
  expect(await generate(machine)).toEqual(expected);
  await machine.close();
});

it('ends when somebody writes to its image, and says so', async () => {
  const machine = await opened('written');
  await generate(machine);
  writeFileSync(path('written'), tinyImage());
  await expect(generate(machine)).rejects.toMatchObject({ code: 'image-changed' });
  await machine.close();
});

it('closes its image with the machine, once', async () => {
  const before = openFiles();
  const machine = await opened('closed');
  await machine.close();
  await machine.close();
  expect(openFiles()).toBe(before);
});

it('closes an image that it refuses', async () => {
  const before = openFiles();
  const bytes = tinyImage();
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path('refused'), bytes);
  await expect(openCpuMachine({ image: path('refused') }, { signal })).rejects.toMatchObject({ name: 'ImageError' });
  expect(openFiles()).toBe(before);
});

/** How many descriptors are open, as far as they are regular files. */
function openFiles(): number {
  let count = 0;
  for (let descriptor = 3; descriptor < 256; descriptor++) {
    try {
      if (fstatSync(descriptor).isFile()) count++;
    } catch {
      // It is not open.
    }
  }
  return count;
}
